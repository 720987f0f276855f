import { useSignal } from '@preact/signals';
import { api } from '../../api/client.ts';
import type { Forwarding } from '../../api/types.ts';
import { unbroken } from '../../format/number.ts';
import { resources } from '../../state/data.ts';
import { say } from '../../state/messages.ts';
import { canDial, dialAddress, platform } from '../../state/platform.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { Icon } from '../../ui/icon.tsx';
import { QrCode } from '../../ui/qr.tsx';
import { useAction } from '../../ui/use-action.ts';
import { NoReplyTime } from './no-reply-time.tsx';

/** What the person dials on the phone that has the number: by a button, a QR code, or the plain words. */
export function ByHand(props: { number: string; forwarding: Forwarding }) {
  const { number, forwarding } = props;
  const { commands, noReplyChoices } = forwarding;
  const seconds = useSignal(forwarding.noReplySeconds);
  const action = useAction();
  const dialled = (wish: 'activate' | 'deactivate') =>
    void action.run(async () => {
      const time = wish === 'activate' ? seconds.value : null;
      resources.account.set(await api.setForwarding(number, wish, time ?? undefined));
      say(texts.forwarding.noted);
    });
  const timed = seconds.value !== null && commands.noReply?.replace('{seconds}', String(seconds.value));
  return (
    <section class="stack loose">
      <div class="stack">
        <p class="soft">{texts.forwarding.lead(unbroken(number))}</p>
        <ol class="steps">
          <li class="step">{texts.forwarding.step1}</li>
          <li class="step">
            <div class="stack">
              <p>{texts.forwarding.step2}</p>
              <Command command={commands.activate} />
            </div>
          </li>
          <li class="step">{texts.forwarding.step3}</li>
        </ol>
        {forwarding.mode === 'manual' && (
          <div class="row wrap">
            {forwarding.state !== 'active' && (
              <Button busy={action.busy.value} onClick={() => dialled('activate')}>
                {texts.forwarding.dialled}
              </Button>
            )}
            {forwarding.state === 'active' && (
              <Button kind="quiet" busy={action.busy.value} onClick={() => dialled('deactivate')}>
                {texts.forwarding.dialledOff}
              </Button>
            )}
          </div>
        )}
        <ErrorLine text={action.error.value} />
      </div>
      {commands.noReply && (
        <div class="stack">
          <NoReplyTime
            choices={noReplyChoices}
            chosen={seconds.value}
            onChoose={(chosen) => {
              seconds.value = chosen;
            }}
          />
          {timed && (
            <Line
              words={texts.forwarding.noReplyByHand}
              command={timed}
              copy={texts.forwarding.copyNoReply}
            />
          )}
        </div>
      )}
      <div class="card stack">
        <Line words={texts.forwarding.off} command={commands.deactivate} copy={texts.forwarding.copyOff} />
        {commands.status && (
          <Line
            words={texts.forwarding.status}
            command={commands.status}
            copy={texts.forwarding.copyStatus}
          />
        )}
      </div>
    </section>
  );
}

/** The command, and what this device can do with it. */
function Command(props: { command: string }) {
  const { command } = props;
  const on = platform();
  return (
    <>
      <code class="command" data-testid="forwarding-command">
        {command}
      </code>
      <div class="row wrap">
        {canDial(command, on) && (
          <a class="button" href={dialAddress(command)}>
            <Icon name="phone" size={20} />
            {texts.forwarding.call}
          </a>
        )}
        <CopyButton value={command} label={texts.forwarding.copyCommand}>
          {texts.forwarding.copyCommand}
        </CopyButton>
      </div>
      {on === 'ios' && !canDial(command, on) && <p class="soft small">{texts.forwarding.ios}</p>}
      {on === 'computer' && (
        <figure class="scan">
          <QrCode text={dialAddress(command)} alt={texts.forwarding.scanAlt} />
          <figcaption class="soft small">{texts.forwarding.scan}</figcaption>
        </figure>
      )}
    </>
  );
}

/** A further command, with its copy. */
function Line(props: { words: string; command: string; copy: string }) {
  return (
    <div class="row spread">
      <p class="grow">
        {props.words} <strong class="num">{props.command}</strong>
      </p>
      <CopyButton value={props.command} label={props.copy} />
    </div>
  );
}
