import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine, Field } from '../../ui/field.tsx';
import type { useAction } from '../../ui/use-action.ts';
import { readSms } from './web-otp.ts';

/** The code of an SMS or a call, typed or read; goes off by itself with the last digit. */
export function CodeEntry(props: {
  digits: number;
  bySms: boolean;
  onCode: (code: string) => Promise<void>;
  action: ReturnType<typeof useAction>;
}) {
  const { digits, action, onCode } = props;
  const code = useSignal('');
  const check = () =>
    onCode(code.value).then(() => {
      // Wrong: the next one can be typed at once, without deleting this one.
      if (action.error.value !== undefined) code.value = '';
    });
  const typed = (value: string) => {
    code.value = value.replace(/\D/g, '').slice(0, digits);
    action.error.value = undefined;
    if (code.value.length === digits) void check();
  };
  useEffect(() => {
    if (!props.bySms) return;
    const gone = new AbortController();
    void readSms(gone.signal).then((read) => read && typed(read));
    return () => gone.abort();
  }, []);
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void check();
      }}
    >
      <Field
        label={texts.code.label(digits)}
        class="code"
        value={code.value}
        onInput={typed}
        inputMode="numeric"
        autocomplete="one-time-code"
        invalid={action.error.value !== undefined}
        autoFocus
      />
      <ErrorLine text={action.error.value} />
      <Button type="submit" busy={action.busy.value || code.value.length !== digits}>
        {texts.code.check}
      </Button>
    </form>
  );
}
