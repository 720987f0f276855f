import { useEffect } from 'preact/hooks';
import type { Challenge, Standing } from '../../api/types.ts';
import { unbroken } from '../../format/number.ts';
import { dialAddress, platform, smsAddress, smsCode } from '../../state/platform.ts';
import { texts } from '../../texts/index.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { QrCode } from '../../ui/qr.tsx';
import { canReadSms, readSms } from './web-otp.ts';

/** The keys, large enough to be read with the telephone at the ear. */
export function PressKeys(props: { keys: string }) {
  return (
    <p class="keys-shown">
      <span class="visually-hidden">{texts.prove.keysLabel}: </span>
      {[...props.keys].map((key, index) => (
        <kbd key={index}>{key}</kbd>
      ))}
    </p>
  );
}

/** Nothing to do where the browser reads the SMS; otherwise the link in it is opened. */
export function ConfirmSms(props: { onToken: (token: string) => Promise<void> }) {
  useEffect(() => {
    const gone = new AbortController();
    void readSms(gone.signal).then((token) => {
      if (token) void props.onToken(token);
    });
    return () => gone.abort();
  }, []);
  return (
    <>
      {canReadSms() && <p>{texts.prove.confirmByItself}</p>}
      <p>{texts.prove.confirmByLink}</p>
    </>
  );
}

/** An SMS that the person sends: a finished one on a phone, a QR code on a computer, and the plain words. */
export function SendSms(props: { to: string; text: string }) {
  const { to, text } = props;
  const on = platform();
  return (
    <div class="stack loose">
      <dl class="card credentials">
        <Line name={texts.prove.sendTo} value={unbroken(to)} copy={to} />
        <Line name={texts.prove.sendText} value={text} copy={text} />
      </dl>
      {on === 'computer' ? (
        <figure class="scan">
          <QrCode text={smsCode(to, text)} alt={texts.prove.sendScanAlt} />
          <figcaption class="soft small">{texts.prove.sendScan}</figcaption>
        </figure>
      ) : (
        <a class="button" href={smsAddress(to, text, on)}>
          {texts.prove.sendOpen}
        </a>
      )}
    </div>
  );
}

/** A call that the person places and nobody answers. */
export function PlaceCall(props: { to: string }) {
  const { to } = props;
  return (
    <div class="stack loose">
      <dl class="card credentials">
        <Line name={texts.number.label} value={unbroken(to)} copy={to} />
      </dl>
      {platform() === 'computer' ? (
        <figure class="scan">
          <QrCode text={dialAddress(to)} alt={texts.prove.callScanAlt} />
          <figcaption class="soft small">{texts.prove.callScan}</figcaption>
        </figure>
      ) : (
        <a class="button" href={dialAddress(to)}>
          <Icon name="phone" size={20} />
          {texts.prove.callOpen}
        </a>
      )}
      <p class="soft small">{texts.prove.callShown}</p>
    </div>
  );
}

function Line(props: { name: string; value: string; copy: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
      <dd class="tool">
        <CopyButton value={props.copy} label={`${texts.common.copy}: ${props.name}`} />
      </dd>
    </div>
  );
}

/** What is going on, read out when it changes. */
export function Progress(props: { standing: Standing | undefined; challenge: Challenge }) {
  const words = progressWords(props.standing, props.challenge);
  const waits = (props.standing?.state ?? 'pending') === 'pending';
  return (
    <p class={`progress ${words ? '' : 'nothing'}`} role="status" data-state={props.standing?.state}>
      {words && waits && <span class="pulse" aria-hidden="true" />}
      {words}
    </p>
  );
}

function progressWords(standing: Standing | undefined, challenge: Challenge): string | undefined {
  if (standing?.state === 'proved') return texts.prove.proved;
  if (standing?.detail === 'no-answer' || standing?.detail === 'rejected') {
    return texts.prove.detail[standing.detail];
  }
  if (standing?.state === 'expired') return texts.prove.expired;
  if (standing?.state === 'failed') return texts.prove.failed;
  if (standing?.detail) return texts.prove.detail[standing.detail];
  if (challenge.kind === 'send-sms') return texts.prove.sendWaiting;
  return challenge.kind === 'place-call' ? texts.prove.callWaiting : undefined;
}
