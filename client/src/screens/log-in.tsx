import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import { guessRegion } from '../format/number.ts';
import { clearDraft } from '../state/proving.ts';
import { href } from '../state/router.ts';
import { enter } from '../state/session.ts';
import { describeDevice } from '../state/this-device.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { frontFrame } from './frames.tsx';
import { Front } from './front.tsx';
import { NumberField } from './number-form.tsx';
import { ProofFlow } from './proof/index.ts';

/** Number and password. */
export function LogIn() {
  const number = useSignal('');
  const region = useSignal(guessRegion());
  const password = useSignal('');
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const device = describeDevice(navigator.userAgent);
      const who = { number: number.value, region: region.value };
      enter(await api.logIn({ ...who, password: password.value, device }));
    });
  };
  return (
    <Front title={texts.logIn.title} lead={texts.logIn.lead}>
      <form class="stack" noValidate onSubmit={submit}>
        <NumberField
          number={number.value}
          region={region.value}
          onNumber={(value) => {
            number.value = value;
            action.error.value = undefined;
          }}
          onRegion={(value) => {
            region.value = value;
            action.error.value = undefined;
          }}
          autoFocus
        />
        <Field
          label={texts.logIn.password}
          type="password"
          autocomplete="current-password"
          value={password.value}
          onInput={(value) => {
            password.value = value;
            action.error.value = undefined;
          }}
        />
        <ErrorLine text={action.error.value} />
        <Button type="submit" busy={action.busy.value || !number.value.trim() || !password.value}>
          {texts.logIn.submit}
        </Button>
      </form>
      <div class="row wrap spread">
        <a class="button plain flush" href={href('log-in', 'reset')}>
          {texts.logIn.forgot}
        </a>
        <a class="button plain flush" href={href('log-in', 'code')}>
          {texts.logIn.byCode}
        </a>
        <a class="button plain flush" href={href('sign-up')}>
          {texts.logIn.noAccount}
        </a>
      </div>
    </Front>
  );
}

/** By proving a number of the account again. */
export function LogInByProof() {
  return (
    <ProofFlow
      purpose="login"
      at={['log-in', 'code']}
      frame={frontFrame}
      title={texts.logIn.byCodeTitle}
      lead={texts.logIn.lead}
      links={
        <div class="row wrap spread">
          <a class="button plain flush" href={href('log-in')}>
            {texts.logIn.byPassword}
          </a>
        </div>
      }
      onProof={async (proof) => {
        const result = await api.logIn({ proof, device: describeDevice(navigator.userAgent) });
        clearDraft('login');
        enter(result);
      }}
    />
  );
}
