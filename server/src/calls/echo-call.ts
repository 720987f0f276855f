import type { UasSession } from '@ringthrough/sip';
import { MediaError, type MediaLeg, type MediaPlane, SessionMedia } from '../media/index.ts';

import { mediaRefusal, refusalResponse } from './sip-causes.ts';

/**
 * The audio test call: what the device sends comes back to it. Resolves when the call is over and its media freed; when
 * `signal` is aborted the call is hung up, and over.
 * @throws whatever the media plane throws beside a MediaError; the caller has been refused then
 */
export async function echoCall(
  session: UasSession,
  media: MediaPlane,
  { callId, signal }: { callId: string; signal: AbortSignal },
): Promise<void> {
  const over = new Promise<void>((resolve) => {
    session.on('cancelled', () => resolve());
    session.on('ended', () => resolve());
    signal.addEventListener('abort', () => {
      if (session.state === 'early') session.reject(503);
      else session.bye();
      resolve();
    });
  });
  let leg: MediaLeg | undefined;
  let dialogMedia: SessionMedia | undefined;
  try {
    const kind = session.flow.protocol === 'ws' ? 'webrtc' : 'rtp';
    leg = await media.openLeg({ callId, kind, codecs: ['opus', 'PCMU', 'PCMA'] });
    // An INVITE without an offer is not worth a second path for a test call.
    const sdp = await leg.acceptOffer(session.offer ?? '');
    if (session.state !== 'early') return;
    dialogMedia = new SessionMedia(session, leg);
    leg.on('silent', () => {
      if (session.state === 'confirmed' && dialogMedia?.onHold === false) session.bye();
    });
    await leg.echo();
    session.accept({ sdp });
    await over;
  } catch (error) {
    const { status, options } = refusalResponse(mediaRefusal(error));
    session.reject(status, options);
    if (!(error instanceof MediaError)) throw error;
  } finally {
    dialogMedia?.stop();
    await leg?.close();
  }
}
