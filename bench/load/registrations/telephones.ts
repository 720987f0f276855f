import { hash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Histogram } from '../media/histogram.ts';
import { deviceOf, ha1Of } from './people.ts';

export interface TelephonesOptions {
  server: { host: string; port: number };
  devices: number;
  /** Sockets with an address of 127.0.0.0/8 each, that the devices share. */
  sockets: number;
}

export interface Plan {
  /** REGISTERs per second, whether or not they are answered. */
  rate: number;
  count: number;
  /** Share (0–1) of those that begin without credentials, as if the device had just been switched on. */
  fresh: number;
  /** At most so many wait for their answers; the rate is only a limit then. */
  most?: number;
}

/** What became of the REGISTERs of one run. */
export interface RunResult {
  /** Answered with 200. */
  registered: number;
  /** Answers of 401; the REGISTER came again with the new nonce. */
  challenged: number;
  /** Never answered, or refused. */
  failed: number;
  /** Datagrams sent once more for want of an answer. */
  retransmitted: number;
  /** First datagram to the 200, of those that were not challenged. */
  p50Ms: number;
  p99Ms: number;
  /** The generator itself was behind its plan by so much, at worst. */
  lateMs: number;
  seconds: number;
}

interface Device {
  index: number;
  user: string;
  ha1: string;
  socket: Socket;
  nonce: string | undefined;
  count: number;
  cseq: number;
  /** The highest CSeq that was answered with 200. */
  acknowledged: number;
  /** Undefined while nothing is on its way. */
  request: { bytes: Buffer; sentAt: number; againAt: number; tries: number; challenges: number } | undefined;
}

/** Every T1; after so many tries the device gives up, long before timer F would. */
const T1_MS = 500;
const MAX_TRIES = 5;
/** A nonce may be used up by a request whose answer was lost: then the device is challenged once more. */
const MAX_CHALLENGES = 3;
const URI = 'sip:127.0.0.1';
const HA2 = hash('md5', `REGISTER:${URI}`);
const CNONCE = 'c9d3a1b2';

/** Many softphones that register over UDP with digest, each with its nonce and a count that rises (RFC 7616). */
export class Telephones {
  readonly #options: TelephonesOptions;
  readonly #devices: Device[] = [];
  readonly #sockets: Socket[] = [];
  /** Those with a request on its way, the next to be sent again first (nearly). */
  readonly #open = new Set<Device>();
  #result = emptyResult();
  #latency = new Histogram();

  constructor(options: TelephonesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { sockets, server, devices } = this.#options;
    for (let n = 0; n < sockets; n++) {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
      socket.bind(0, `127.1.${n >> 8}.${n & 255}`);
      await once(socket, 'listening');
      socket.connect(server.port, server.host);
      await once(socket, 'connect');
      socket.on('message', (bytes) => this.#received(bytes, socket));
      // ICMP, when the server is killed: what is lost is sent again.
      socket.on('error', () => undefined);
      this.#sockets.push(socket);
    }
    for (let index = 0; index < devices; index++) {
      const { user } = deviceOf(index);
      const socket = this.#sockets[index % sockets] as Socket;
      const ha1 = ha1Of('md5', user);
      this.#devices.push({
        ...{ index, user, ha1, socket, nonce: undefined, count: 0, cseq: 0, acknowledged: 0 },
        request: undefined,
      });
    }
  }

  /** REGISTERs of one device after the other. */
  async run(plan: Plan): Promise<RunResult> {
    this.#result = emptyResult();
    this.#latency = new Histogram();
    const begun = performance.now();
    let sent = 0;
    const { rate, most = Number.POSITIVE_INFINITY } = plan;
    while (sent < plan.count) {
      const planned = Math.floor(((performance.now() - begun) / 1000) * rate);
      const due = Math.min(plan.count, planned, sent + most - this.#open.size);
      if (sent < due) {
        this.#result.lateMs = Math.max(this.#result.lateMs, ((due - sent) / rate) * 1000);
      }
      // A few at a time, or the answers would wait in the kernel.
      for (let n = 0; n < 16 && sent < due; n++) this.#next(sent++, plan.fresh);
      this.#sendAgain();
      // Never at full speed when there is nothing to do: the disk of the server needs this processor, too.
      if (sent < due) await new Promise((resolve) => setImmediate(resolve));
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const patience = performance.now() + T1_MS * (MAX_TRIES + 2);
    while (this.#open.size > 0 && performance.now() < patience) {
      this.#sendAgain();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.#result.failed += this.#open.size;
    for (const device of this.#open) device.request = undefined;
    this.#open.clear();
    const seconds = (performance.now() - begun) / 1000;
    return {
      ...this.#result,
      p50Ms: this.#latency.percentile(0.5),
      p99Ms: this.#latency.percentile(0.99),
      seconds,
    };
  }

  /** By device id. */
  acknowledged(): Map<string, number> {
    const answered = this.#devices.filter((device) => device.acknowledged > 0);
    return new Map(answered.map((device) => [deviceOf(device.index).id, device.acknowledged]));
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #turn = 0;

  #next(number: number, fresh: number): void {
    // Whoever still waits for an answer is left out; with as many devices as here that is a server in trouble.
    let device = this.#devices[this.#turn++ % this.#devices.length] as Device;
    for (let n = 0; n < 100 && device.request !== undefined; n++) {
      device = this.#devices[this.#turn++ % this.#devices.length] as Device;
    }
    if (device.request !== undefined) {
      this.#result.failed++;
      return;
    }
    const every = fresh > 0 ? Math.round(1 / fresh) : 0;
    if (every > 0 && number % every === 0) device.nonce = undefined;
    this.#send(device, 0);
  }

  #send(device: Device, challenges: number): void {
    device.cseq++;
    const now = performance.now();
    const bytes = Buffer.from(this.#compose(device), 'latin1');
    device.request = { bytes, sentAt: now, againAt: now + T1_MS, tries: 1, challenges };
    this.#open.add(device);
    device.socket.send(bytes);
  }

  #compose(device: Device): string {
    const { user, index, cseq, nonce } = device;
    const { address, port } = device.socket.address();
    let authorization = '';
    if (nonce !== undefined) {
      const nc = (++device.count).toString(16).padStart(8, '0');
      const response = hash('md5', `${device.ha1}:${nonce}:${nc}:${CNONCE}:auth:${HA2}`);
      authorization =
        `Authorization: Digest username="${user}", realm="ringthrough", nonce="${nonce}", uri="${URI}", ` +
        `response="${response}", algorithm=MD5, cnonce="${CNONCE}", qop=auth, nc=${nc}\r\n`;
    }
    return (
      `REGISTER ${URI} SIP/2.0\r\n` +
      `Via: SIP/2.0/UDP ${address}:${port};branch=z9hG4bK${index}-${cseq};rport\r\n` +
      'Max-Forwards: 70\r\n' +
      `From: <sip:${user}@127.0.0.1>;tag=f${index}\r\n` +
      `To: <sip:${user}@127.0.0.1>\r\n` +
      `Call-ID: ${index}-7c2d9f3e4b5a60718293\r\n` +
      `CSeq: ${cseq} REGISTER\r\n` +
      `Contact: <sip:${user}@${address}:${port}>\r\n` +
      authorization +
      'Expires: 600\r\n' +
      'Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, PRACK, UPDATE\r\n' +
      'Supported: replaces, outbound, gruu, path\r\n' +
      'User-Agent: Linphone/5.2.5 (belle-sip/5.3.29)\r\n' +
      'Content-Length: 0\r\n\r\n'
    );
  }

  #received(bytes: Buffer, socket: Socket): void {
    const text = bytes.toString('latin1');
    if (!text.startsWith('SIP/2.0 ')) {
      if (text.startsWith('OPTIONS ')) socket.send(answerTo(text));
      return;
    }
    const callId = text.indexOf('Call-ID: ') + 9;
    const device = this.#devices[Number.parseInt(text.slice(callId, callId + 10), 10)];
    const cseq = text.indexOf('CSeq: ') + 6;
    const { request } = device ?? {};
    if (device === undefined || request === undefined) return;
    if (Number.parseInt(text.slice(cseq, cseq + 12), 10) !== device.cseq) return;
    const status = Number(text.slice(8, 11));
    if (status < 200) return;
    device.request = undefined;
    this.#open.delete(device);
    if (status === 200) {
      device.acknowledged = device.cseq;
      this.#result.registered++;
      if (request.challenges === 0 && request.tries === 1)
        this.#latency.add(performance.now() - request.sentAt);
    } else if (status === 401 && request.challenges < MAX_CHALLENGES) {
      this.#result.challenged++;
      device.nonce = /nonce="([^"]+)"/.exec(text)?.[1];
      device.count = 0;
      this.#send(device, request.challenges + 1);
    } else {
      this.#result.failed++;
    }
  }

  #sendAgain(): void {
    const now = performance.now();
    for (const device of this.#open) {
      const { request } = device;
      if (request === undefined || request.againAt > now) return;
      this.#open.delete(device);
      if (request.tries >= MAX_TRIES) {
        this.#result.failed++;
        device.request = undefined;
        continue;
      }
      request.againAt = now + T1_MS;
      request.tries++;
      this.#result.retransmitted++;
      this.#open.add(device);
      device.socket.send(request.bytes);
    }
  }
}

/** Answers the OPTIONS of all softphones that are bound at this port of whatever address of the machine. */
export async function answerOptions(): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.on('message', (bytes, { port, address }) =>
    socket.send(answerTo(bytes.toString('latin1')), port, address),
  );
  socket.bind(0, '0.0.0.0');
  await once(socket, 'listening');
  return socket.address().port;
}

function emptyResult(): Omit<RunResult, 'p50Ms' | 'p99Ms' | 'seconds'> {
  return { registered: 0, challenged: 0, failed: 0, retransmitted: 0, lateMs: 0 };
}

function answerTo(options: string): Buffer {
  const copied = options.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
  return Buffer.from(`SIP/2.0 200 OK\r\n${copied.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
}
