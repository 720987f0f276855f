import { G711Codec, RtpPacket } from '@ringthrough/rtp';
import { SipStack, type UasSession } from '@ringthrough/sip';
import { RtpWire } from '../../server/src/media/test-support/wire.ts';
import { until } from './process.ts';

const frameSamples = 160;

/** A call that somebody has answered, and every sample that was said in it: packets in their order, however late they came. */
export class HeardCall {
  readonly session: UasSession;
  readonly #wire: RtpWire;
  readonly #codec = new G711Codec('PCMA');
  /** By RTP timestamp. */
  readonly #frames = new Map<number, Int16Array>();
  readonly #signOfLife: NodeJS.Timeout;
  #sequence = 0;

  constructor(session: UasSession, wire: RtpWire) {
    this.session = session;
    this.#wire = wire;
    wire.onRtp = (packet) => this.#hear(packet);
    wire.setRemote(session.offer ?? '');
    this.#signOfLife = setInterval(() => this.#beHeard(), 500);
  }

  answer(): void {
    const { port } = this.#wire;
    const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
    const audio = [`m=audio ${port} RTP/AVP 8`, 'a=rtpmap:8 PCMA/8000', ...this.#wire.attributes()];
    this.session.accept({ sdp: `${[...lines, ...audio].join('\r\n')}\r\n` });
  }

  get seconds(): number {
    return (this.#frames.size * frameSamples) / 8000;
  }

  /** In order. */
  frames(): Int16Array[] {
    return [...this.#frames].sort(([a], [b]) => a - b).map(([, frame]) => frame);
  }

  async close(): Promise<void> {
    clearInterval(this.#signOfLife);
    await this.#wire.close();
  }

  #hear(bytes: Buffer): void {
    const packet = new RtpPacket();
    if (!packet.parse(bytes) || packet.payloadType !== 8) return;
    const frame = new Int16Array(frameSamples);
    this.#codec.decode(packet.payload, frame);
    this.#frames.set(packet.timestamp, frame);
  }

  /** Silence, so that nobody takes the way for broken. */
  #beHeard(): void {
    const packet = Buffer.alloc(12 + frameSamples, 0xd5);
    this.#sequence += 1;
    packet.set([0x80, 8]);
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(this.#sequence * frameSamples, 4);
    packet.writeUInt32BE(7, 8);
    this.#wire.sendRtp(packet);
  }
}

/** The switch of a carrier with telephones that are answered at once. */
export class PhoneSwitch {
  readonly port: number;
  readonly #stack: SipStack;
  readonly #calls = new Map<string, HeardCall>();

  private constructor(stack: SipStack, port: number) {
    this.#stack = stack;
    this.port = port;
  }

  static async open(port: number): Promise<PhoneSwitch> {
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port }];
    const stack = new SipStack({ userAgent: 'Test switch', listeners });
    const phones = new PhoneSwitch(stack, port);
    stack.on('invite', (session) => void phones.#ring(session));
    await stack.start();
    return phones;
  }

  /** The call to this number, once it was answered. */
  call(number: string): Promise<HeardCall> {
    return until(() => this.#calls.get(number), {
      timeoutMs: 20_000,
      describe: () => `nobody calls ${number}`,
    });
  }

  async close(): Promise<void> {
    for (const call of this.#calls.values()) await call.close();
    await this.#stack.close();
  }

  async #ring(session: UasSession): Promise<void> {
    const call = new HeardCall(session, await RtpWire.open());
    session.progress(180);
    call.answer();
    this.#calls.set(/sip:(\+\d+)@/.exec(session.request.uri)?.[1] ?? '', call);
  }
}
