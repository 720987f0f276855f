import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import { changeDraft, clearDraft, draftOf } from '../state/proving.ts';
import { href, replace, route } from '../state/router.ts';
import { enter } from '../state/session.ts';
import { describeDevice } from '../state/this-device.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { frontFrame } from './frames.tsx';
import { Front } from './front.tsx';
import { Choice, NewPasswordForm } from './new-password.tsx';
import { ProofFlow } from './proof/index.ts';

const at = ['log-in', 'reset'];

/** The password was forgotten: number → proof → another password. */
export function ResetPassword() {
  const { proof } = draftOf('reset').value;
  if (route.value[at.length] === 'password' && proof) return <ChooseAnother proof={proof} />;
  return (
    <ProofFlow
      purpose="reset"
      at={at}
      frame={frontFrame}
      title={texts.reset.title}
      lead={texts.reset.lead}
      links={
        <div class="row wrap spread">
          <a class="button plain flush" href={href('log-in')}>
            {texts.logIn.byPassword}
          </a>
        </div>
      }
      onProof={(given) => {
        changeDraft('reset', { proof: given });
        replace(...at, 'password');
      }}
    />
  );
}

function ChooseAnother(props: { proof: string }) {
  const keepDevices = useSignal(false);
  return (
    <Front title={texts.reset.passwordTitle} lead={texts.reset.passwordLead}>
      <NewPasswordForm
        submit={texts.reset.submit}
        label={texts.password.next}
        autoFocus
        onPassword={async (password) => {
          const device = describeDevice(navigator.userAgent);
          const { proof } = props;
          const entered = await api.resetPassword({
            proof,
            password,
            device,
            keepDevices: keepDevices.value,
          });
          clearDraft('reset');
          enter(entered);
        }}
      >
        <Choice on={keepDevices} label={texts.reset.keepDevices} />
      </NewPasswordForm>
      <div class="row wrap">
        <Button
          kind="plain flush"
          onClick={() => {
            clearDraft('reset');
            replace(...at);
          }}
        >
          {texts.code.otherNumber}
        </Button>
      </div>
    </Front>
  );
}
