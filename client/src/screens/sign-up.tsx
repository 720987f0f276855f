import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import { changeDraft, clearDraft, draftOf } from '../state/proving.ts';
import { href, replace, route } from '../state/router.ts';
import { enter } from '../state/session.ts';
import { describeDevice } from '../state/this-device.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { frontFrame } from './frames.tsx';
import { Front } from './front.tsx';
import { ProofFlow } from './proof/index.ts';

const shortestPassword = 8;

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
      const result = await api.signUp({ proof: props.proof, password: password.value, device });
      clearDraft('sign-up');
      enter(result);
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
          invalid={action.error.value !== undefined}
          autoFocus
        />
        <ErrorLine text={action.error.value} />
        <Button type="submit" busy={action.busy.value || password.value === ''}>
          {texts.signUp.create}
        </Button>
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
      </form>
    </Front>
  );
}
