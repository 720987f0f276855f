import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { texts } from '../texts/index.ts';
import { IconButton } from './button.tsx';

export interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string | undefined;
  invalid?: boolean;
  type?: 'text' | 'tel' | 'password';
  autocomplete?: string;
  inputMode?: 'numeric' | 'tel' | 'text';
  placeholder?: string;
  maxLength?: number;
  class?: string;
  autoFocus?: boolean;
}

/** A labelled input. Passwords can be shown. */
export function Field(props: FieldProps) {
  const id = useId();
  const shown = useSignal(false);
  const secret = props.type === 'password';
  const input = (
    <input
      id={id}
      class={`input ${props.class ?? ''}`}
      // The union of Preact's input types cannot follow a type that changes.
      type={(secret && shown.value ? 'text' : props.type) as 'text'}
      value={props.value}
      onInput={(event) => props.onInput(event.currentTarget.value)}
      autocomplete={props.autocomplete}
      inputMode={props.inputMode}
      placeholder={props.placeholder}
      maxLength={props.maxLength}
      spellcheck={false}
      autocapitalize="off"
      aria-invalid={props.invalid ? 'true' : undefined}
      aria-describedby={props.hint ? `${id}-hint` : undefined}
      ref={(element) => {
        if (element && props.autoFocus && !element.dataset.focused) {
          element.dataset.focused = 'yes';
          element.focus();
        }
      }}
    />
  );
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {secret ? (
        <div class="with-inset">
          {input}
          <IconButton
            icon="eye"
            label={shown.value ? texts.signUp.hide : texts.signUp.show}
            onClick={() => {
              shown.value = !shown.value;
            }}
          />
        </div>
      ) : (
        input
      )}
      {props.hint && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}

/** What went wrong, read out when it appears. */
export function ErrorLine(props: { text: string | undefined }) {
  return <div role="alert">{props.text && <p class="error">{props.text}</p>}</div>;
}
