import type { Device } from '../../api/types.ts';
import { resources } from '../../state/data.ts';
import { go } from '../../state/router.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { Loaded, Screen } from '../../ui/screen.tsx';
import { newSoftphone } from './add.tsx';
import { Credentials } from './credentials.tsx';
import { ScanCode } from './scan-code.tsx';
import { TestCall } from './test-call.tsx';

/** Everything that a softphone needs: a code to scan, credentials to type, and a call that tries it. */
export function SetUpSoftphone(props: { id: string }) {
  return (
    <Loaded resource={resources.devices}>
      {(devices) => {
        const device = devices.find((one) => one.id === props.id && one.kind === 'softphone');
        return (
          <Screen title={device?.name ?? texts.devices.title} backTo={['settings', 'devices']}>
            {device ? <Parts device={device} /> : <ErrorLine text={texts.errors['no-such-device']} />}
          </Screen>
        );
      }}
    </Loaded>
  );
}

function Parts(props: { device: Device }) {
  const { device } = props;
  const made = newSoftphone.value?.device.id === device.id ? newSoftphone.value : undefined;
  const done = () => {
    newSoftphone.value = undefined;
    go('settings', 'devices');
  };
  return (
    <div class="stack loose">
      <ScanCode device={device} fresh={made !== undefined} />
      {made && <Credentials sip={made.sip} />}
      <TestCall device={device} />
      <div>
        <Button onClick={done}>{texts.devices.done}</Button>
      </div>
    </div>
  );
}
