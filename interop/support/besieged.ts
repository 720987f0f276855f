import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { G711Codec, ToneGenerator, writeRtpPacket } from '@ringthrough/rtp';
import { expect } from 'vitest';
import { Person, type SipCredentials } from './person.ts';
import { until } from './process.ts';
import { Ringthrough } from './ringthrough.ts';
import { SipDevice } from './sip-device.ts';
import { Trunk } from './trunk.ts';
import { UdpStranger } from './udp-stranger.ts';

export const NUMBER = '+14155550101';
const CALLER_HZ = 1000;
const DEVICE_HZ = 600;
const STRANGER_HZ = 1700;
const tones = [CALLER_HZ, DEVICE_HZ, STRANGER_HZ];

/** The SDP of a stranger. */
export const offer = `v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;

/** Same bytes at every run. */
export function* noise(seed: number): Generator<Buffer> {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  for (;;) yield Buffer.from(Uint8Array.from({ length: 1 + (next() % 1400) }, () => next() >>> 24));
}

/** Whole RTP packets with a tone in A-law, from somebody who is no part of the call. */
export function* strangeSpeech(): Generator<Buffer> {
  const codec = new G711Codec('PCMA');
  const tone = new ToneGenerator({ sampleRate: 8000, frequencies: [STRANGER_HZ] });
  const pcm = new Int16Array(160);
  const payload = new Uint8Array(160);
  for (let index = 1; ; index++) {
    tone.fill(pcm);
    codec.encode(pcm, payload);
    const out = Buffer.alloc(200);
    const fields = { payloadType: 8, sequenceNumber: index, timestamp: 160 * index, ssrc: 7, marker: false };
    yield out.subarray(0, writeRtpPacket(out, { ...fields, payload }));
  }
}

export function take<T>(count: number, from: Generator<T>): T[] {
  return Array.from({ length: count }, () => from.next().value as T);
}

/** One message cut off at many places. */
export const truncated = (message: string): string[] =>
  Array.from({ length: Math.floor(message.length / 23) }, (_, index) => message.slice(0, 1 + index * 23));

/** What comes over a TCP connection until the other side closes it. */
export class Line {
  readonly socket: Socket;
  text = '';
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    // A reset is one way of closing.
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  async isClosed(timeoutMs = 10_000): Promise<string> {
    await until(() => this.closed, {
      timeoutMs,
      describe: () => `still open after: ${this.text.slice(0, 300)}`,
    });
    return this.text;
  }
}

const busy = [
  'calls_active',
  'media_legs',
  'sip_server_transactions',
  'sip_client_transactions',
  'sip_dialogs',
  'sip_flows',
  'sip_timers',
  'sms_waiting',
];
const gauges = [...busy, 'rtp_ports_free'];

/** A server to which bad things are done, with a person, a softphone and a trunk that notice it. */
export class Besieged {
  readonly server: Ringthrough;
  readonly person: Person;
  readonly sip: SipCredentials;
  readonly device: SipDevice;
  readonly stranger: UdpStranger;
  trunk: Trunk;
  readonly #pid: number | undefined;
  #atFirst: Record<string, number> = {};

  private constructor(parts: Pick<Besieged, 'server' | 'person' | 'sip' | 'device' | 'stranger' | 'trunk'>) {
    this.server = parts.server;
    this.person = parts.person;
    this.sip = parts.sip;
    this.device = parts.device;
    this.stranger = parts.stranger;
    this.trunk = parts.trunk;
    this.#pid = parts.server.process.child.pid;
  }

  /** One call has gone through when it resolves. */
  static async open(config: Record<string, Record<string, unknown>> = {}): Promise<Besieged> {
    const server = await Ringthrough.start({
      fedGarbage: true,
      config: {
        ...config,
        calls: { ringTimeoutSeconds: 3 },
        // Transactions live for 64 times T1.
        sip: { timers: { t1Ms: 100 }, ...config.sip },
      },
    });
    const [person] = await Person.signUp(server, NUMBER);
    const { sip } = await person.addSoftphone();
    const device = await SipDevice.register(server, sip);
    const trunk = await Trunk.open(server);
    const stranger = await UdpStranger.open();
    const besieged = new Besieged({ server, person, sip, device, stranger, trunk });
    await besieged.talk();
    besieged.#atFirst = await besieged.idle();
    return besieged;
  }

  async close(): Promise<void> {
    await this.stranger.close();
    await this.device.close();
    await this.trunk.close();
    await this.server.stop();
  }

  /** All of one moment. */
  async measure(): Promise<Record<string, number>> {
    const values = gauges.map(
      async (name) => [name, await this.server.gauge(`ringthrough_${name}`)] as const,
    );
    return Object.fromEntries(await Promise.all(values));
  }

  /** Nothing goes on any more: what the gauges say then. */
  async idle(): Promise<Record<string, number>> {
    let now: Record<string, number> = {};
    await until(
      async () => {
        now = await this.measure();
        return busy.every((name) => now[name] === 0);
      },
      // Timer D keeps a declined INVITE for 32 seconds, whatever T1 is (RFC 3261 section 17.1.1.2).
      { timeoutMs: 50_000, describe: () => `never idle: ${JSON.stringify(now)}` },
    );
    return now;
  }

  /** A normal call, heard on both ends; `during` happens in the middle of it. */
  async talk(during?: () => Promise<unknown>): Promise<void> {
    const call = await this.trunk.call({ called: NUMBER, listenFor: tones });
    await call.status(180);
    const ear = await this.device.accept(tones);
    await call.status(200);
    ear.speak(DEVICE_HZ);
    call.media.speak(CALLER_HZ);
    await call.hears(DEVICE_HZ);
    await until(() => ear.heard.heardMs(CALLER_HZ) >= 400, { describe: () => 'the device heard nothing' });
    if (during) {
      await during();
      const [callerHad, deviceHad] = [call.media.heard.heardMs(DEVICE_HZ), ear.heard.heardMs(CALLER_HZ)];
      await call.hears(DEVICE_HZ, callerHad + 400);
      await until(() => ear.heard.heardMs(CALLER_HZ) >= deviceHad + 400, {
        describe: () => 'the device hears nothing any more',
      });
      for (const { heard } of [call.media, ear]) expect(heard.heardMs(STRANGER_HZ)).toBe(0);
    }
    call.hangUp();
    await call.ended();
  }

  /** Sends datagrams, and waits until the server has worked them off. */
  async knockAfter(datagrams: Iterable<Uint8Array | string>, port: number): Promise<void> {
    let sent = 0;
    for (const datagram of datagrams) {
      await this.stranger.send(datagram, port);
      // So that the socket's buffer does not swallow what is to be tested.
      if (++sent % 50 === 0) await this.stranger.knock(this.server.sipPort);
    }
    await this.stranger.knock(this.server.sipPort);
  }

  /** The same process carries a call, and nothing has leaked. */
  async stands(): Promise<void> {
    const { process } = this.server;
    expect([process.running, process.child.pid]).toEqual([true, this.#pid]);
    await this.talk();
    expect(await this.idle()).toEqual(this.#atFirst);
    expect(process.output).not.toMatch(/uncaught|unhandled|RangeError|TypeError/i);
  }

  residentBytes(): number {
    return 1024 * this.#fromKernel('status', /VmRSS:\s+(\d+)/);
  }

  /** What the server has read, from sockets too. */
  readBytes(): number {
    return this.#fromKernel('io', /rchar: (\d+)/);
  }

  #fromKernel(file: string, pattern: RegExp): number {
    return Number(pattern.exec(readFileSync(`/proc/${this.#pid}/${file}`, 'utf8'))?.[1]);
  }
}
