import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { Validation } from '../api/types.ts';
import { unbroken } from '../format/number.ts';
import { href } from '../state/router.ts';
import { enter } from '../state/session.ts';
import { describeDevice } from '../state/this-device.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { CodeForm } from './code-form.tsx';
import { Front } from './front.tsx';
import { NumberForm } from './number-form.tsx';

const shortestPassword = 8;

/** Number → code → password. */
export function SignUp() {
  const validation = useSignal<Validation | undefined>(undefined);
  const proof = useSignal<string | undefined>(undefined);
  const current = validation.value;
  if (proof.value) return <ChoosePassword proof={proof.value} />;
  if (current) {
    return (
      <Front title={texts.code.title} lead={texts.code.sentTo(unbroken(current.number))}>
        <CodeForm
          validation={current}
          purpose="sign-up"
          onProof={(given) => {
            proof.value = given;
          }}
          onRestarted={(next) => {
            validation.value = next;
          }}
          onOtherNumber={() => {
            validation.value = undefined;
          }}
        />
      </Front>
    );
  }
  return (
    <Front title={texts.signUp.title} lead={texts.signUp.lead}>
      <NumberForm
        purpose="sign-up"
        submit={texts.prove.submit}
        onStarted={(started) => {
          validation.value = started;
        }}
      />
      <div class="row wrap spread">
        <a class="button plain flush" href={href('log-in')}>
          {texts.signUp.haveAccount}
        </a>
      </div>
    </Front>
  );
}

function ChoosePassword(props: { proof: string }) {
  const password = useSignal('');
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    if (password.value.length < shortestPassword) {
      action.error.value = texts.signUp.tooShort(shortestPassword);
      return;
    }
    void action.run(async () => {
      const device = describeDevice(navigator.userAgent);
      enter(await api.signUp({ proof: props.proof, password: password.value, device }));
    });
  };
  return (
    <Front title={texts.signUp.passwordTitle} lead={texts.signUp.passwordLead}>
      <form class="stack" noValidate onSubmit={submit}>
        <Field
          label={texts.signUp.password}
          type="password"
          autocomplete="new-password"
          value={password.value}
          onInput={(value) => {
            password.value = value;
            action.error.value = undefined;
          }}
          hint={texts.signUp.passwordRule(shortestPassword)}
          autoFocus
        />
        <ErrorLine text={action.error.value} />
        <Button type="submit" busy={action.busy.value || password.value === ''}>
          {texts.signUp.create}
        </Button>
      </form>
    </Front>
  );
}
