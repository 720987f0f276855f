import { api } from '../api/client.ts';
import { changeDraft, clearDraft, draftOf } from '../state/proving.ts';
import { href, replace, route } from '../state/router.ts';
import { enter } from '../state/session.ts';
import { describeDevice } from '../state/this-device.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { frontFrame } from './frames.tsx';
import { Front } from './front.tsx';
import { NewPasswordForm } from './new-password.tsx';
import { ProofFlow } from './proof/index.ts';

/** Number → proof → password. */
export function SignUp() {
  const { proof } = draftOf('sign-up').value;
  if (route.value[1] === 'password' && proof) return <ChoosePassword proof={proof} />;
  return (
    <ProofFlow
      purpose="sign-up"
      at={['sign-up']}
      frame={frontFrame}
      title={texts.signUp.title}
      lead={texts.signUp.lead}
      links={
        <div class="row wrap spread">
          <a class="button plain flush" href={href('log-in')}>
            {texts.signUp.haveAccount}
          </a>
        </div>
      }
      onProof={(given) => {
        changeDraft('sign-up', { proof: given });
        replace('sign-up', 'password');
      }}
    />
  );
}

function ChoosePassword(props: { proof: string }) {
  return (
    <Front title={texts.signUp.passwordTitle} lead={texts.signUp.passwordLead}>
      <NewPasswordForm
        submit={texts.signUp.create}
        autoFocus
        onPassword={async (password) => {
          const device = describeDevice(navigator.userAgent);
          const result = await api.signUp({ proof: props.proof, password, device });
          clearDraft('sign-up');
          enter(result);
        }}
      />
      <div class="row wrap">
        <Button
          kind="plain flush"
          onClick={() => {
            clearDraft('sign-up');
            replace('sign-up');
          }}
        >
          {texts.code.otherNumber}
        </Button>
      </div>
    </Front>
  );
}
