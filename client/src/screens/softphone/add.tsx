import { signal, useSignal } from '@preact/signals';
import { api } from '../../api/client.ts';
import type { NewDevice } from '../../api/types.ts';
import { resources } from '../../state/data.ts';
import { replace } from '../../state/router.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine, Field } from '../../ui/field.tsx';
import { Screen } from '../../ui/screen.tsx';
import { useAction } from '../../ui/use-action.ts';

/** The softphone that was just made: its password is known only now. */
export const newSoftphone = signal<NewDevice | undefined>(undefined);

/** Names a SIP softphone and makes its credentials. */
export function AddSoftphone() {
  const name = useSignal('');
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const made = await api.addSoftphone(name.value.trim());
      newSoftphone.value = made;
      await resources.devices.refresh();
      replace('settings', 'devices', made.device.id);
    });
  };
  return (
    <Screen title={texts.devices.add} lead={texts.devices.addLead} backTo={['settings', 'devices']}>
      <form class="stack" noValidate onSubmit={submit}>
        <Field
          label={texts.devices.name}
          placeholder={texts.devices.namePlaceholder}
          value={name.value}
          onInput={(value) => {
            name.value = value;
          }}
          maxLength={60}
          autoFocus
        />
        <ErrorLine text={action.error.value} />
        <Button type="submit" busy={action.busy.value || name.value.trim() === ''}>
          {texts.devices.create}
        </Button>
      </form>
    </Screen>
  );
}
