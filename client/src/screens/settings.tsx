import { askForMicrophone, microphoneStatus } from '../phone/index.ts';
import { install, installState } from '../state/install.ts';
import { notificationPermission, requestNotifications } from '../state/permissions.ts';
import { href } from '../state/router.ts';
import { logOut, primaryNumber } from '../state/session.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { LanguageSelect } from '../ui/language-select.tsx';
import { PhoneNumber } from '../ui/number.tsx';
import { Screen } from '../ui/screen.tsx';
import { useAction } from '../ui/use-action.ts';

export function Settings() {
  const action = useAction();
  return (
    <Screen title={texts.settings.title}>
      <div class="stack loose">
        <ul class="list">
          <li class="item">
            <span class="mark good">
              <Icon name="numbers" size={20} />
            </span>
            <span class="item-main">
              <span class="item-note block">{texts.settings.primaryNumber}</span>
              <PhoneNumber value={primaryNumber.value} />
            </span>
          </li>
          <li>
            <a class="item" href={href('settings', 'devices')}>
              <span class="mark good">
                <Icon name="device" size={20} />
              </span>
              <span class="item-main">
                <span class="item-title block">{texts.settings.devices}</span>
                <span class="item-note block">{texts.settings.devicesLead}</span>
              </span>
              <Icon name="next" size={18} />
            </a>
          </li>
        </ul>
        <Account />
        <LanguageSelect />
        <Permissions />
        <Install />
        <div class="stack tight">
          <Button kind="quiet" busy={action.busy.value} onClick={() => void action.run(logOut)}>
            {texts.settings.logOut}
          </Button>
          <p class="soft small">{texts.settings.logOutLead}</p>
        </div>
      </div>
    </Screen>
  );
}

function Account() {
  const places = [
    ['password', 'lock', texts.settings.password, texts.settings.passwordLead],
    ['close', 'trash', texts.settings.close, texts.settings.closeLead],
  ] as const;
  return (
    <section class="stack tight" aria-labelledby="account">
      <h2 id="account">{texts.settings.account}</h2>
      <ul class="list">
        {places.map(([place, icon, title, lead]) => (
          <li key={place}>
            <a class="item" href={href('settings', place)}>
              <span class="mark">
                <Icon name={icon} size={20} />
              </span>
              <span class="item-main">
                <span class="item-title block">{title}</span>
                <span class="item-note block">{lead}</span>
              </span>
              <Icon name="next" size={18} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Permissions() {
  const microphone = microphoneStatus.value;
  const notifications = notificationPermission.value;
  return (
    <section class="stack tight" aria-labelledby="permissions">
      <h2 id="permissions">{texts.settings.permissions}</h2>
      <ul class="list">
        <Permission
          icon="mic"
          name={texts.settings.microphone}
          state={
            microphone === 'granted'
              ? texts.settings.allowed
              : microphone === 'prompt' || microphone === 'unknown'
                ? texts.settings.notAsked
                : texts.microphone[microphone]
          }
          onAllow={microphone === 'granted' ? undefined : () => void askForMicrophone()}
        />
        {notifications !== 'unsupported' && (
          <Permission
            icon="bell"
            name={texts.settings.notifications}
            state={
              {
                granted: texts.settings.allowed,
                denied: texts.settings.blocked,
                default: texts.settings.notAsked,
              }[notifications]
            }
            onAllow={notifications === 'default' ? () => void requestNotifications() : undefined}
          />
        )}
      </ul>
    </section>
  );
}

function Permission(props: {
  icon: IconName;
  name: string;
  state: string;
  onAllow: (() => void) | undefined;
}) {
  return (
    <li class="item">
      <span class="mark">
        <Icon name={props.icon} size={20} />
      </span>
      <span class="item-main">
        <span class="item-title block">{props.name}</span>
        <span class="item-note block">{props.state}</span>
      </span>
      {props.onAllow && (
        <Button kind="quiet small" label={`${texts.settings.allow}: ${props.name}`} onClick={props.onAllow}>
          {texts.settings.allow}
        </Button>
      )}
    </li>
  );
}

function Install() {
  const state = installState.value;
  const how = {
    installed: texts.settings.installed,
    ready: texts.settings.installLead,
    ios: texts.settings.installIos,
    manual: `${texts.settings.installLead} ${texts.settings.installOther}`,
  }[state];
  return (
    <section class="stack tight" aria-labelledby="install">
      <h2 id="install">{texts.settings.install}</h2>
      <div class="card stack">
        <p class="soft small">{how}</p>
        {state === 'ready' && (
          <div>
            <Button kind="small" onClick={() => void install()}>
              {texts.settings.installNow}
            </Button>
          </div>
        )}
      </div>
    </section>
  );
}
