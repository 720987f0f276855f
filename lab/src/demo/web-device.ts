import type { RTCSession } from 'jssip/lib/RTCSession.js';
import type { Socket } from 'jssip/lib/Socket.js';
import { MediaStream, MediaStreamTrack, RTCPeerConnection } from 'werift';
import type { ToneEar } from '../media/tone-ear.ts';
import {
  type Device,
  type DeviceCall,
  Mailbox,
  numberIn,
  type SipAccount,
  type Stopped,
  sipCause,
} from './device.ts';
import { FragileSocket } from './fragile-socket.ts';
import { OpusStream } from './opus-stream.ts';

const host = '127.0.0.1';

/** A browser's part in Node: werift where Chromium has its own WebRTC. Nothing leaves the loopback interface. */
class LoopbackPeerConnection extends RTCPeerConnection {
  constructor() {
    super({
      // Without this werift asks a public STUN server.
      iceServers: [],
      // No interface but the one that is named.
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: [host],
      iceInterfaceAddresses: { udp4: host },
      bundlePolicy: 'max-bundle',
    });
  }
}

/** As W3C defines it; werift's own takes its arguments in another form. */
class SessionDescription {
  readonly type: string;
  readonly sdp: string;

  constructor(init: { type: string; sdp: string }) {
    this.type = init.type;
    this.sdp = init.sdp;
  }
}

/** JsSIP, as in the client, finding in Node the names it uses in a browser. */
async function loadJsSip() {
  Object.assign(globalThis, {
    window: globalThis,
    RTCPeerConnection: LoopbackPeerConnection,
    RTCSessionDescription: SessionDescription,
  });
  const { default: JsSIP } = await import('jssip');
  return JsSIP;
}

interface IncomingMessage {
  getHeader(name: string): string | undefined;
}
interface SessionEnd {
  originator: string;
  message: IncomingMessage | null;
}

/** A web client without a screen: JsSIP over WebSocket, ICE, DTLS-SRTP and Opus by software that is not ours. */
export class WebDevice implements Device {
  readonly name: string;
  readonly #account: SipAccount;
  readonly #socket: FragileSocket;
  readonly #calls = new Mailbox<DeviceCall>();
  #stop: (() => Promise<void>) | undefined;

  /** `origin`: of the server, such as http://127.0.0.1:8080. */
  constructor(name: string, account: SipAccount, origin: string) {
    this.name = name;
    this.#account = account;
    this.#socket = new FragileSocket(new URL(account.webSocketPath, origin.replace(/^http/, 'ws')).href);
  }

  async register(): Promise<void> {
    const JsSIP = await loadJsSip();
    const { user, password, domain, realm } = this.#account;
    const ua = new JsSIP.UA({
      // The declaration asks for one signature of `ondata` for all types; JsSIP gives text and takes text.
      sockets: this.#socket as unknown as Socket,
      uri: `sip:${user}@${domain}`,
      password,
      realm,
      register_expires: 300,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 2,
      session_timers: false,
      user_agent: 'lab web device',
    });
    const registered = new Promise<void>((resolve, reject) => {
      ua.once('registered', () => resolve());
      ua.once('registrationFailed', ({ cause }) =>
        reject(new Error(`${this.name}: not registered (${cause}).`)),
      );
    });
    ua.on('newRTCSession', (event: { originator: string; session: RTCSession; request: unknown }) => {
      if (event.originator !== 'remote') return;
      const request = event.request as IncomingMessage;
      this.#calls.put(new WebCall(this.name, event.session, request));
    });
    ua.start();
    this.#stop = async () => {
      const gone = new Promise((resolve) => ua.once('disconnected', resolve));
      ua.stop();
      await gone;
    };
    await registered;
  }

  /** Breaks the connection without a goodbye. Comes back and registers by itself after a second or so. */
  loseNetwork(): void {
    this.#socket.lose();
  }

  nextCall(): Promise<DeviceCall> {
    return this.#calls.take();
  }

  async close(): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }
}

class WebCall implements DeviceCall {
  readonly device: string;
  readonly arrivedAt = Date.now();
  readonly calledNumber: string | undefined;
  readonly callerNumber: string | undefined;
  readonly stopped: Promise<Stopped>;
  readonly ended: Promise<{ at: number; by: 'peer' | 'us' }>;
  readonly codec = 'opus';
  readonly #session: RTCSession;
  #stream: OpusStream | undefined;
  #state: DeviceCall['state'] = 'ringing';

  constructor(device: string, session: RTCSession, request: IncomingMessage) {
    this.device = device;
    this.#session = session;
    this.calledNumber = numberIn(request.getHeader('P-Called-Party-ID'));
    this.callerNumber = numberIn(request.getHeader('From'));
    this.stopped = new Promise((resolve) => {
      session.on('failed', (end: SessionEnd) => {
        this.#over();
        const reason = end.message?.getHeader('Reason');
        resolve({ at: Date.now(), cause: reason === undefined ? undefined : sipCause([reason]) });
      });
    });
    this.ended = new Promise((resolve) => {
      session.on('ended', (end: SessionEnd) => {
        this.#over();
        resolve({ at: Date.now(), by: end.originator === 'local' ? 'us' : 'peer' });
      });
    });
  }

  get state(): DeviceCall['state'] {
    return this.#state;
  }

  get ear(): ToneEar {
    if (this.#stream === undefined) throw new Error(`${this.device}: not answered.`);
    return this.#stream.ear;
  }

  async accept(): Promise<void> {
    const track = new MediaStreamTrack({ kind: 'audio' });
    const stream = await OpusStream.open(track);
    this.#stream = stream;
    this.#session.on('peerconnection', ({ peerconnection }: { peerconnection: unknown }) => {
      const connection = peerconnection as LoopbackPeerConnection;
      connection.onTrack.subscribe((remote) => stream.listen(remote));
    });
    const accepted = new Promise<void>((resolve, reject) => {
      this.#session.on('accepted', () => resolve());
      const fail = (cause: unknown) => reject(new Error(`${this.device} cannot answer.`, { cause }));
      for (const step of ['setremotedescription', 'createanswer', 'setlocaldescription'] as const) {
        this.#session.on(`peerconnection:${step}failed`, fail);
      }
      this.#session.on('failed', ({ cause }: { cause: string }) => fail(cause));
    });
    this.#state = 'active';
    const mediaStream = new MediaStream([track]);
    this.#session.answer({ mediaStream: mediaStream as never });
    await accepted;
    stream.start();
  }

  reject(status: 486 | 603): void {
    this.#state = 'over';
    this.#session.terminate({ status_code: status });
  }

  hangUp(): void {
    this.#session.terminate();
  }

  say(hz: number): void {
    this.#stream?.say(hz);
  }

  #over(): void {
    this.#state = 'over';
    this.#stream?.close();
  }
}
