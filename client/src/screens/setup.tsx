import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { askForMicrophone, canSound, microphoneStatus } from '../phone/index.ts';
import { notificationPermission, requestNotifications } from '../state/permissions.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';

const put = signal(sessionStorage.getItem('ringthrough.setup') === 'later');

/** What has to be allowed before the first call, asked with words before the browser asks without. */
export function Setup() {
  const sound = useSignal(canSound());
  useEffect(() => {
    // The touch that unlocks the sound needs no button of its own.
    const touched = () => {
      sound.value = true;
    };
    addEventListener('pointerdown', touched, { once: true });
    addEventListener('keydown', touched, { once: true });
    return () => {
      removeEventListener('pointerdown', touched);
      removeEventListener('keydown', touched);
    };
  }, [sound]);

  const status = microphoneStatus.value;
  const microphone = status !== 'granted' && status !== 'unknown';
  const notifications = notificationPermission.value === 'default';
  if (put.value || (!microphone && !notifications && sound.value)) return null;
  return (
    <section class="card stack" aria-labelledby="setup-title">
      <div class="row spread">
        <h2 id="setup-title">{texts.setup.title}</h2>
        <Button
          kind="plain small"
          onClick={() => {
            sessionStorage.setItem('ringthrough.setup', 'later');
            put.value = true;
          }}
        >
          {texts.setup.later}
        </Button>
      </div>
      {microphone && (
        <Step
          icon="mic"
          title={texts.setup.microphone}
          why={status === 'prompt' ? texts.setup.microphoneWhy : texts.microphone[status]}
        >
          {status === 'insecure' ? null : (
            <Button kind="small" onClick={() => void askForMicrophone()}>
              {texts.setup.allowMicrophone}
            </Button>
          )}
        </Step>
      )}
      {notifications && (
        <Step icon="bell" title={texts.setup.notifications} why={texts.setup.notificationsWhy}>
          <Button kind="quiet small" onClick={() => void requestNotifications()}>
            {texts.setup.allowNotifications}
          </Button>
        </Step>
      )}
      {!sound.value && <Step icon="wave" title={texts.setup.sound} why={texts.setup.soundWhy} />}
    </section>
  );
}

function Step(props: { icon: IconName; title: string; why: string; children?: ComponentChildren }) {
  return (
    <div class="row top">
      <span class="mark warm">
        <Icon name={props.icon} />
      </span>
      <div class="grow stack tight">
        <h3>{props.title}</h3>
        <p class="soft small">{props.why}</p>
        {props.children && <div>{props.children}</div>}
      </div>
    </div>
  );
}
