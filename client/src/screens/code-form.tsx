import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, api } from '../api/client.ts';
import type { Validation, ValidationPurpose } from '../api/types.ts';
import { guessRegion } from '../format/number.ts';
import { formatDuration } from '../format/time.ts';
import { say } from '../state/messages.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { useNow } from '../ui/use-now.ts';

/** How long to wait before another SMS may be asked for: it needs a moment to arrive. */
const resendAfterMs = 30_000;

interface OtpCredential extends Credential {
  code: string;
}

/** Reads the code out of the SMS by itself where the platform offers it (WebOTP). */
async function readCodeFromSms(signal: AbortSignal): Promise<string | undefined> {
  if (!('OTPCredential' in window)) return undefined;
  const options = { otp: { transport: ['sms'] }, signal } as CredentialRequestOptions;
  try {
    return ((await navigator.credentials.get(options)) as OtpCredential | null)?.code;
  } catch {
    // Aborted, or the person declined; typing always works.
    return undefined;
  }
}

/** Asks for the code of a validation and hands its proof on. */
export function CodeForm(props: {
  validation: Validation;
  purpose: ValidationPurpose;
  onProof: (proof: string) => Promise<void> | void;
  onRestarted: (validation: Validation) => void;
  onOtherNumber: () => void;
}) {
  const code = useSignal('');
  const sentAt = useSignal(Date.now());
  const action = useAction();
  const wait = sentAt.value + resendAfterMs - useNow();
  const { id, digits, number } = props.validation;

  const check = () =>
    action.run(async () => {
      const { proof } = await api.checkCode(id, code.value).catch((error: unknown) => {
        // Wrong: the next one can be typed at once, without deleting this one.
        if (error instanceof ApiError && error.code === 'wrong-code') code.value = '';
        throw error;
      });
      await props.onProof(proof);
    });
  const typed = (value: string) => {
    code.value = value.replace(/\D/g, '').slice(0, digits);
    action.error.value = undefined;
    if (code.value.length === digits) void check();
  };
  const again = () =>
    action.run(async () => {
      props.onRestarted(await api.startValidation({ number, region: guessRegion(), purpose: props.purpose }));
      sentAt.value = Date.now();
      code.value = '';
      say(texts.code.sentAgain);
    });

  useEffect(() => {
    const abort = new AbortController();
    void readCodeFromSms(abort.signal).then((read) => read && typed(read));
    return () => abort.abort();
  }, [id]);

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
      <div class="row wrap spread">
        <Button kind="plain flush" busy={wait > 0 || action.busy.value} onClick={() => void again()}>
          {wait > 0 ? texts.code.againIn(formatDuration(wait + 999)) : texts.code.again}
        </Button>
        <Button kind="plain flush" onClick={props.onOtherNumber}>
          {texts.code.otherNumber}
        </Button>
      </div>
    </form>
  );
}
