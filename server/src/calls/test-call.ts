import { type Clock, formatNameAddr, SipRequest, type UacSession } from '@ringthrough/sip';
import { type MediaLeg, type MediaPlane, type PlaySource, SessionMedia } from '../media/index.ts';
import type { DeviceAddress } from '../registration/index.ts';
import type { Inviter } from './device-leg.ts';

/**
 * How a test call stands, and how it ended: `completed` when the softphone answered; `no-answer` when it rang only;
 * `failed` when it could not be reached or its media could not be used.
 */
export type TestCallState =
  | 'calling'
  | 'ringing'
  | 'answered'
  | 'completed'
  | 'no-answer'
  | 'rejected'
  | 'failed';

export interface TestCallOptions {
  callId: string;
  device: DeviceAddress;
  inviter: Inviter;
  media: MediaPlane;
  clock: Clock;
  /** Of the SIP addresses of this server. */
  domain: string;
  /** Shown as who calls. */
  displayName: string;
  says: PlaySource;
  ringTimeoutMs: number;
  /** Aborted: it is hung up. */
  signal: AbortSignal;
  tell(state: 'ringing' | 'answered'): void;
}

/** Refusals that a person or the softphone's own settings make; others mean that it was not reached. */
const declined: ReadonlySet<number> = new Set([403, 486, 488, 600, 603]);

const inviteOf = ({ device, domain, displayName }: TestCallOptions, body: string): SipRequest =>
  new SipRequest('INVITE', device.contactUri, {
    headers: [
      ['From', formatNameAddr({ displayName, uri: `sip:test@${domain}` })],
      ['To', `<sip:${device.sipUser}@${domain}>`],
      ['Max-Forwards', '70'],
      ['Content-Type', 'application/sdp'],
      ...(device.route ?? []).map((hop): [string, string] => ['Route', hop]),
    ],
    body,
  });

/** Rings one softphone and speaks to whoever answers, so that its owner knows that it works. Frees its media at the end. */
export async function testCall(options: TestCallOptions): Promise<TestCallState> {
  const { media, callId, device, inviter, signal } = options;
  const kind = device.transport === 'ws' ? 'webrtc' : 'rtp';
  const { leg, sdp } = await media.openOfferingLeg({ callId, kind, codecs: ['opus', 'PCMU', 'PCMA'] });
  try {
    if (signal.aborted) return 'failed';
    const session = inviter.invite({
      request: inviteOf(options, sdp),
      target: device.target,
      // Nobody but the device may be told, whatever address it gives.
      confined: true,
    });
    return await ringing(session, leg, options);
  } finally {
    await leg.close();
  }
}

function ringing(session: UacSession, leg: MediaLeg, options: TestCallOptions): Promise<TestCallState> {
  const { clock, ringTimeoutMs, signal, tell } = options;
  const { promise, resolve } = Promise.withResolvers<TestCallState>();
  let rang = false;
  let answered = false;
  const giveUp = (): void => {
    if (answered) session.bye();
    else session.cancel();
    resolve(answered ? 'completed' : rang ? 'no-answer' : 'failed');
  };
  const timer = clock.setTimeout(giveUp, ringTimeoutMs);
  signal.addEventListener('abort', giveUp);
  session.on('provisional', ({ status }) => {
    if (status < 180 || rang) return;
    rang = true;
    tell('ringing');
  });
  session.on('accepted', () => {
    answered = true;
    clock.clearTimeout(timer);
    tell('answered');
    void speak(session, leg, options).then(resolve);
  });
  session.on('rejected', ({ status }) => resolve(declined.has(status) ? 'rejected' : 'failed'));
  session.on('ended', () => resolve(answered ? 'completed' : 'failed'));
  return promise.finally(() => {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  });
}

/** Says what there is to say, and hangs up. */
async function speak(session: UacSession, leg: MediaLeg, { says }: TestCallOptions): Promise<TestCallState> {
  const dialogMedia = new SessionMedia(session, leg);
  try {
    await leg.acceptAnswer(session.answer ?? '');
    await leg.play(says);
    session.bye();
    return 'completed';
  } catch {
    // No codec in common, or the call ended meanwhile; what ended first has resolved it already.
    session.bye();
    return 'failed';
  } finally {
    dialogMedia.stop();
  }
}
