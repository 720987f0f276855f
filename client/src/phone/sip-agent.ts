import { UA } from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession';
import type { SipCredentials } from '../api/types.ts';
import { closeStream, MicrophoneError, openMicrophone } from './microphone.ts';
import { numberOf, reasonCause } from './sip-headers.ts';
import { SipSocket } from './sip-socket.ts';
import type { Effect, PhoneInput } from './state.ts';

/** The registrar forgets us soon if we vanish; the WebSocket's end tells it sooner. */
const registerExpiresSeconds = 300;
/** JsSIP's longest wait between attempts to reconnect. */
const reconnectSeconds = 2;
/** The server decides how long a call rings; this only ends a ringing that it forgot. */
const noAnswerSeconds = 180;

const pcConfig: RTCConfiguration = { iceServers: [], rtcpMuxPolicy: 'require', bundlePolicy: 'max-bundle' };

interface Message {
  getHeader?(name: string): string | undefined;
  status_code?: number;
}
interface EndEvent {
  originator: string;
  message: Message | null;
  cause: string;
}
interface Leg {
  session: RTCSession;
  microphone: MediaStream | undefined;
  speaker: HTMLAudioElement;
}

/** Driver around JsSIP: turns its events into {@link PhoneInput} and carries out {@link Effect}s. */
export class SipAgent {
  readonly #socket: SipSocket;
  readonly #ua: UA;
  readonly #domain: string;
  readonly #dispatch: (input: PhoneInput) => void;
  readonly #legs = new Map<string, Leg>();
  /** Outgoing calls that still wait for the microphone. */
  readonly #preparing = new Set<string>();
  #callCount = 0;

  constructor(credentials: SipCredentials, dispatch: (input: PhoneInput) => void) {
    this.#dispatch = dispatch;
    this.#domain = credentials.domain;
    const url = new URL(credentials.webSocketPath, location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.#socket = new SipSocket(url.href);
    this.#ua = new UA({
      sockets: this.#socket,
      uri: `sip:${credentials.user}@${credentials.domain}`,
      password: credentials.password,
      realm: credentials.realm,
      register_expires: registerExpiresSeconds,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: reconnectSeconds,
      no_answer_timeout: noAnswerSeconds,
      session_timers: false,
      user_agent: 'Ringthrough web',
    });
    this.#listen();
  }

  start(): void {
    this.#ua.start();
  }

  /** Deregisters, ends what is going on and closes the connection. */
  stop(): void {
    this.#ua.stop();
    this.#preparing.clear();
    for (const id of [...this.#legs.keys()]) this.#release(id);
  }

  /** The page goes away: no time for answers, so say goodbye and close; the close itself deregisters. */
  leave(): void {
    if (this.#ua.isRegistered()) this.#ua.unregister();
    this.#socket.disconnect();
  }

  poke(): void {
    this.#socket.poke();
  }

  drop(): void {
    this.#socket.drop();
  }

  /** Calls `sip:<user>@<own domain>`; used for the audio test. */
  async call(user: string, peerName: string): Promise<void> {
    const id = `outgoing-${this.#callCount++}`;
    this.#preparing.add(id);
    this.#dispatch({ type: 'outgoing', id, peerName, at: Date.now() });
    let microphone: MediaStream;
    try {
      microphone = await openMicrophone();
    } catch (error) {
      this.#microphoneFailed(id, error);
      return;
    }
    // The person may have given up while they were asked.
    if (!this.#preparing.delete(id)) {
      closeStream(microphone);
      return;
    }
    const session = this.#ua.call(`sip:${user}@${this.#domain}`, { mediaStream: microphone, pcConfig });
    this.#adopt(id, session, microphone);
    // Outgoing sessions have their peer connection already.
    if (session.connection) this.#followAudio(id, session.connection);
  }

  perform(effect: Exclude<Effect, { do: 'dismiss-later' }>): void {
    this.#preparing.delete(effect.id);
    const leg = this.#legs.get(effect.id);
    if (!leg || leg.session.isEnded()) return;
    switch (effect.do) {
      case 'answer':
        void this.#answer(effect.id, leg);
        break;
      case 'reject':
        leg.session.terminate({ status_code: effect.status });
        break;
      case 'hang-up':
        leg.session.terminate();
        break;
      case 'mute':
        if (effect.muted) leg.session.mute({ audio: true });
        else leg.session.unmute({ audio: true });
        break;
    }
  }

  /** Sends a DTMF digit as RFC 4733 event, or as INFO where the other side did not negotiate events. */
  sendTone(id: string, tone: string): void {
    const session = this.#legs.get(id)?.session;
    if (!session?.isEstablished()) return;
    const sender = session.connection.getSenders().find((candidate) => candidate.track?.kind === 'audio');
    if (sender?.dtmf?.canInsertDTMF) sender.dtmf.insertDTMF(sender.dtmf.toneBuffer + tone, 120, 60);
    else session.sendDTMF(tone, { duration: 120 });
  }

  #listen(): void {
    this.#ua.on('registered', () => this.#dispatch({ type: 'registered' }));
    this.#ua.on('disconnected', () => this.#dispatch({ type: 'disconnected', at: Date.now() }));
    this.#ua.on('registrationFailed', (event) => {
      const status = (event.response as Message | null)?.status_code;
      if (status === 401 || status === 403 || status === 404) this.#dispatch({ type: 'refused' });
      // Anything else (overload, a timeout) is tried again on a fresh connection.
      else if (status !== undefined) this.#socket.drop();
    });
    this.#ua.on('newRTCSession', (event: { originator: string; session: RTCSession; request: Message }) => {
      if (event.originator === 'remote') this.#incoming(event.session, event.request);
    });
  }

  #incoming(session: RTCSession, request: Message): void {
    const id = session.id;
    this.#adopt(id, session, undefined);
    const from = session.remote_identity;
    const peer = numberOf(request.getHeader?.('P-Asserted-Identity')) ?? numberOf(from.uri.toString());
    const name = from.display_name;
    this.#dispatch({
      type: 'incoming',
      id,
      ...(peer ? { peer } : {}),
      ...(name && name !== peer && !/^anonymous$/i.test(name) ? { peerName: name } : {}),
      ...called(request),
      at: Date.now(),
    });
  }

  #adopt(id: string, session: RTCSession, microphone: MediaStream | undefined): void {
    const speaker = new Audio();
    speaker.autoplay = true;
    this.#legs.set(id, { session, microphone, speaker });
    const ended = (event: EndEvent) => {
      this.#release(id);
      const status = event.message?.status_code;
      const cause = reasonCause(event.message?.getHeader?.('Reason'));
      this.#dispatch({
        type: 'ended',
        id,
        at: Date.now(),
        ...(status === undefined ? {} : { status }),
        ...(cause === undefined ? {} : { cause }),
        ...(event.cause === 'RTP Timeout' ? { lost: true } : {}),
      });
    };
    session.on('ended', ended as never);
    session.on('failed', ended as never);
    session.on('confirmed', () => this.#dispatch({ type: 'confirmed', id, at: Date.now() }));
    session.on('peerconnection', (event) => this.#followAudio(id, event.peerconnection));
    // The server is ICE-lite and learns our address from the checks: the first candidate is enough, waiting is not.
    session.on('icecandidate', (event) => event.ready());
  }

  async #answer(id: string, leg: Leg): Promise<void> {
    let microphone: MediaStream;
    try {
      microphone = await openMicrophone();
    } catch (error) {
      this.#microphoneFailed(id, error);
      return;
    }
    // While the person was asked, the caller or another device may have ended it.
    if (this.#legs.get(id) !== leg || leg.session.isEnded()) {
      closeStream(microphone);
      return;
    }
    leg.microphone = microphone;
    leg.session.answer({ mediaStream: microphone, pcConfig });
  }

  #microphoneFailed(id: string, error: unknown): void {
    const problem = error instanceof MicrophoneError ? error.problem : 'denied';
    this.#dispatch({ type: 'microphone-failed', id, problem, at: Date.now() });
  }

  #followAudio(id: string, connection: RTCPeerConnection): void {
    connection.addEventListener('track', (event) => {
      const leg = this.#legs.get(id);
      if (!leg) return;
      leg.speaker.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      // The person has just pressed a button on this page, so the browser lets it play.
      void leg.speaker.play().catch(() => undefined);
    });
    connection.addEventListener('connectionstatechange', () => {
      const state = connection.connectionState;
      if (state === 'connected') this.#dispatch({ type: 'audio', id, audio: 'flowing' });
      else if (state === 'disconnected' || state === 'failed') {
        this.#dispatch({ type: 'audio', id, audio: 'interrupted' });
      }
    });
  }

  #release(id: string): void {
    const leg = this.#legs.get(id);
    if (!leg) return;
    this.#legs.delete(id);
    closeStream(leg.microphone);
    leg.speaker.srcObject = null;
  }
}

function called(request: Message): { called?: string } {
  const number = numberOf(request.getHeader?.('P-Called-Party-ID'));
  return number ? { called: number } : {};
}
