import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { Device } from '../api/types.ts';
import { formatWhen } from '../format/time.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { href } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { ErrorLine } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loaded, Screen } from '../ui/screen.tsx';
import { useAction } from '../ui/use-action.ts';

export function Devices() {
  return (
    <Screen title={texts.devices.title} lead={texts.devices.lead} backTo={['settings']}>
      <div class="stack">
        <Loaded resource={resources.devices}>
          {(devices) => (
            <ul class="list">
              {devices.map((device) => (
                <DeviceItem key={device.id} device={device} />
              ))}
            </ul>
          )}
        </Loaded>
        <SignOutOthers />
        <a class="button quiet" href={href('settings', 'devices', 'add')}>
          <Icon name="plus" size={20} />
          {texts.devices.add}
        </a>
      </div>
    </Screen>
  );
}

function describe(device: Device): string {
  const since = device.session ? `, ${texts.devices.loggedIn(formatWhen(device.session.createdAt))}` : '';
  return `${presence(device)}${since}`;
}

function presence(device: Device): string {
  const state = device.registered ? texts.devices.registered : texts.devices.notRegistered;
  if (device.registered) return state;
  const seen = device.lastSeenAt
    ? texts.devices.lastSeen(formatWhen(device.lastSeenAt))
    : texts.devices.neverSeen;
  return `${state}, ${seen}`;
}

/** When another person has a device that one does not even know. */
function SignOutOthers() {
  const asking = useSignal(false);
  const action = useAction();
  const others = resources.devices.value.value?.filter(({ current }) => !current) ?? [];
  if (others.length < 2) return null;
  const signOut = () =>
    action.run(async () => {
      const { signedOut } = await api.removeOtherDevices();
      asking.value = false;
      await resources.devices.refresh();
      say(texts.devices.othersSignedOut(signedOut));
    });
  return (
    <>
      <Button
        kind="danger-quiet"
        onClick={() => {
          asking.value = true;
        }}
      >
        {texts.devices.signOutOthers}
      </Button>
      {asking.value && (
        <Confirm
          title={texts.devices.signOutOthersTitle}
          yes={texts.devices.signOutOthers}
          busy={action.busy.value}
          onYes={() => void signOut()}
          onNo={() => {
            asking.value = false;
          }}
        >
          <p class="soft">{texts.devices.signOutOthersLead(others.length)}</p>
          <ErrorLine text={action.error.value} />
        </Confirm>
      )}
    </>
  );
}

function DeviceItem(props: { device: Device }) {
  const { device } = props;
  const asking = useSignal(false);
  const action = useAction();
  const remove = () =>
    action.run(async () => {
      await api.removeDevice(device.id);
      await resources.devices.refresh();
      say(texts.devices.signedOut(device.name));
    });
  return (
    <li class="item wraps" data-testid="device" data-registered={device.registered}>
      <span class={`mark ${device.registered ? 'good' : ''}`}>
        <Icon name={device.kind === 'softphone' ? 'desk' : 'device'} size={20} />
      </span>
      <span class="item-main">
        <span class="item-title block">{device.name}</span>
        <span class="item-note block">{describe(device)}</span>
      </span>
      <span class="item-buttons">
        {device.kind === 'softphone' && (
          <a
            class="button quiet small"
            href={href('settings', 'devices', device.id)}
            aria-label={`${texts.devices.setUp}: ${device.name}`}
          >
            {texts.devices.setUp}
          </a>
        )}
        {device.current ? (
          <span class="tag">{texts.devices.thisDevice}</span>
        ) : (
          <Button
            kind="danger-quiet small"
            label={texts.devices.signOutNamed(device.name)}
            onClick={() => {
              asking.value = true;
            }}
          >
            {texts.devices.signOut}
          </Button>
        )}
      </span>
      {asking.value && (
        <Confirm
          title={texts.devices.signOutTitle(device.name)}
          yes={texts.devices.signOut}
          busy={action.busy.value}
          onYes={() => void remove()}
          onNo={() => {
            asking.value = false;
          }}
        >
          <p class="soft">{texts.devices.signOutLead}</p>
          <ErrorLine text={action.error.value} />
        </Confirm>
      )}
    </li>
  );
}
