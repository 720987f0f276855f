import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { Device, NewDevice } from '../api/types.ts';
import { formatWhen } from '../format/time.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { go, href } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
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
        <a class="button quiet" href={href('settings', 'devices', 'add')}>
          <Icon name="plus" size={20} />
          {texts.devices.add}
        </a>
      </div>
    </Screen>
  );
}

function describe(device: Device): string {
  const state = device.registered ? texts.devices.registered : texts.devices.notRegistered;
  if (device.registered) return state;
  const seen = device.lastSeenAt
    ? texts.devices.lastSeen(formatWhen(device.lastSeenAt))
    : texts.devices.neverSeen;
  return `${state}, ${seen}`;
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
    <li class="item" data-testid="device" data-registered={device.registered}>
      <span class={`mark ${device.registered ? 'good' : ''}`}>
        <Icon name={device.kind === 'softphone' ? 'desk' : 'device'} size={20} />
      </span>
      <span class="item-main">
        <span class="item-title block">{device.name}</span>
        <span class="item-note block">{describe(device)}</span>
      </span>
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

/** Creates credentials for a SIP softphone and shows them, once. */
export function AddSoftphone() {
  const name = useSignal('');
  const made = useSignal<NewDevice | undefined>(undefined);
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      made.value = await api.addSoftphone(name.value.trim());
      await resources.devices.refresh();
    });
  };
  if (made.value) return <Credentials made={made.value} />;
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

function Credentials(props: { made: NewDevice }) {
  const { sip } = props.made;
  const rows: Array<[string, string]> = [
    [texts.devices.server, sip.server],
    [texts.devices.domain, sip.domain],
    [texts.devices.user, sip.user],
    [texts.devices.password, sip.password],
  ];
  return (
    <Screen key="made" title={texts.devices.credentials} lead={texts.devices.credentialsOnce}>
      <div class="stack">
        <dl class="card credentials">
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
              <CopyButton value={value} label={`${texts.common.copy} ${name}`} />
            </div>
          ))}
          <div>
            <dt>{texts.devices.transport}</dt>
            <dd>{texts.devices.transportValue}</dd>
          </div>
        </dl>
        <Button onClick={() => go('settings', 'devices')}>{texts.devices.done}</Button>
      </div>
    </Screen>
  );
}
