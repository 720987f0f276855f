import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { go } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { Field } from '../ui/field.tsx';
import { Screen } from '../ui/screen.tsx';
import { Choice, NewPasswordForm } from './new-password.tsx';

/** Another password, by who knows the present one. */
export function ChangePassword() {
  const current = useSignal('');
  const signOutOthers = useSignal(false);
  return (
    <Screen title={texts.password.title} lead={texts.password.lead} backTo={['settings']}>
      <NewPasswordForm
        submit={texts.password.submit}
        label={texts.password.next}
        incomplete={current.value === ''}
        before={(clearError) => (
          <Field
            label={texts.password.current}
            type="password"
            autocomplete="current-password"
            value={current.value}
            onInput={(value) => {
              current.value = value;
              clearError();
            }}
            autoFocus
          />
        )}
        onPassword={async (password) => {
          const { signedOut } = await api.changePassword({
            current: current.value,
            password,
            signOutOthers: signOutOthers.value,
          });
          if (signedOut > 0) await resources.devices.refresh();
          say(signedOut > 0 ? texts.devices.othersSignedOut(signedOut) : texts.password.changed);
          go('settings');
        }}
      >
        <Choice on={signOutOthers} label={texts.password.signOutOthers} />
      </NewPasswordForm>
    </Screen>
  );
}
