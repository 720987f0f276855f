import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';

const shortestPassword = 8;

/** Asks for a password that is to be; `children` stand between it and the button, `before` above it. */
export function NewPasswordForm(props: {
  submit: string;
  label?: string;
  onPassword: (password: string) => Promise<void>;
  before?: (clearError: () => void) => ComponentChildren;
  incomplete?: boolean;
  autoFocus?: boolean;
  children?: ComponentChildren;
}) {
  const password = useSignal('');
  const action = useAction();
  const clearError = () => {
    action.error.value = undefined;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (password.value.length < shortestPassword) {
      action.error.value = texts.signUp.tooShort(shortestPassword);
      return;
    }
    void action.run(() => props.onPassword(password.value));
  };
  return (
    <form class="stack" noValidate onSubmit={submit}>
      {props.before?.(clearError)}
      <Field
        label={props.label ?? texts.signUp.password}
        type="password"
        autocomplete="new-password"
        value={password.value}
        onInput={(value) => {
          password.value = value;
          clearError();
        }}
        hint={texts.signUp.passwordRule(shortestPassword)}
        invalid={action.error.value !== undefined}
        autoFocus={props.autoFocus ?? false}
      />
      {props.children}
      <ErrorLine text={action.error.value} />
      <Button type="submit" busy={action.busy.value || password.value === '' || props.incomplete === true}>
        {props.submit}
      </Button>
    </form>
  );
}

/** A choice that is made or not. */
export function Choice(props: { on: Signal<boolean>; label: string }) {
  return (
    <label class="choice">
      <input
        type="checkbox"
        checked={props.on.value}
        onChange={(event) => {
          props.on.value = event.currentTarget.checked;
        }}
      />
      {props.label}
    </label>
  );
}
