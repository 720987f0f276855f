import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { G711Codec, ToneGenerator, writeRtpPacket } from '@ringthrough/rtp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ApiError, Person, type SipCredentials } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { SipDevice } from './support/sip-device.ts';
import { Trunk } from './support/trunk.ts';
import { sipRequest, UdpStranger } from './support/udp-stranger.ts';

const NUMBER = '+14155550101';
const CALLER_HZ = 1000;
const DEVICE_HZ = 600;
const STRANGER_HZ = 1700;
const tones = [CALLER_HZ, DEVICE_HZ, STRANGER_HZ];
const codeLifetimeSeconds = 4;
const vectors = fileURLToPath(new URL('../../shared/vectors/rfc4475', import.meta.url));

const offer = `v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;

/** Same bytes at every run. */
function* noise(seed: number): Generator<Buffer> {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  for (;;) yield Buffer.from(Uint8Array.from({ length: 1 + (next() % 1400) }, () => next() >>> 24));
}

/** Whole RTP packets with a tone in A-law, from somebody who is no part of the call. */
function* strangeSpeech(): Generator<Buffer> {
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

function take<T>(count: number, from: Generator<T>): T[] {
  return Array.from({ length: count }, () => from.next().value as T);
}

/** What comes over a TCP connection until the other side closes it. */
class Line {
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

/** Expects a problem document with this status and code. */
async function refused(work: Promise<unknown>, status: number, code: string): Promise<ApiError> {
  const error = await work.then(
    () => undefined,
    (problem: unknown) => problem,
  );
  if (!(error instanceof ApiError)) throw new Error(`${code} was to come, not ${String(error)}`);
  expect([error.status, error.problem.code]).toEqual([status, code]);
  expect(error.problem.detail).toBeTruthy();
  return error;
}

describe('bad input leaves a clear error or silence, and nothing else', { timeout: 90_000 }, () => {
  let server: Ringthrough;
  let person: Person;
  let sip: SipCredentials;
  let trunk: Trunk;
  let device: SipDevice;
  let stranger: UdpStranger;
  let pid: number;
  let atFirst: Record<string, number>;

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
  /** All of one moment. */
  async function measure(): Promise<Record<string, number>> {
    const lines = (await (await fetch(`${server.url}/metrics`)).text()).split('\n');
    const read = (name: string) => {
      const line = lines.find((one) => one.startsWith(`ringthrough_${name} `));
      if (!line) throw new Error(`/metrics has no ${name}`);
      return Number(line.split(' ')[1]);
    };
    return Object.fromEntries(gauges.map((name) => [name, read(name)]));
  }

  beforeAll(async () => {
    server = await Ringthrough.start({
      fedGarbage: true,
      config: {
        calls: { ringTimeoutSeconds: 3 },
        // Transactions live for 64 times T1.
        sip: { timers: { t1Ms: 100 } },
        validation: { codeLifetimeSeconds, sendsPerNumberPerHour: 20, sendsPerAddressPerHour: 100 },
        http: { loginsPerAddressPerMinute: 1000, loginsPerNumberPerHour: 1000 },
      },
    });
    [person] = await Person.signUp(server, NUMBER);
    ({ sip } = await person.addSoftphone());
    device = await SipDevice.register(server, sip);
    trunk = await Trunk.open(server);
    stranger = await UdpStranger.open();
    pid = server.process.child.pid ?? 0;
    await talk();
    atFirst = await idle();
  });

  afterAll(async () => {
    await stranger?.close();
    await device?.close();
    await trunk?.close();
    await server?.stop();
  });

  /** Nothing goes on any more: what the gauges say then. */
  async function idle(): Promise<Record<string, number>> {
    let now: Record<string, number> = {};
    await until(
      async () => {
        now = await measure();
        return busy.every((name) => now[name] === 0);
      },
      // Timer D keeps a declined INVITE for 32 seconds, whatever T1 is (RFC 3261 section 17.1.1.2).
      { timeoutMs: 50_000, describe: () => `never idle: ${JSON.stringify(now)}` },
    );
    return now;
  }

  /** A normal call, heard on both ends; `during` happens in the middle of it. */
  async function talk(during?: () => Promise<unknown>): Promise<void> {
    const call = await trunk.call({ called: NUMBER, listenFor: tones });
    await call.status(180);
    const ear = await device.accept(tones);
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

  async function knockAfter(datagrams: Iterable<Uint8Array | string>, port: number): Promise<void> {
    let sent = 0;
    for (const datagram of datagrams) {
      await stranger.send(datagram, port);
      // So that the socket's buffer does not swallow what is to be tested.
      if (++sent % 50 === 0) await stranger.knock(server.sipPort);
    }
    await stranger.knock(server.sipPort);
  }

  /** One message cut off at many places. */
  const truncated = (message: string) =>
    Array.from({ length: Math.floor(message.length / 23) }, (_, index) => message.slice(0, 1 + index * 23));

  it('SIP over UDP: noise, cut-off and tortured messages of a stranger', async () => {
    const invite = sipRequest('INVITE', { callId: randomUUID(), from: stranger.port, body: offer });
    await knockAfter(take(300, noise(1)), server.sipPort);
    await knockAfter(truncated(invite), server.sipPort);
    await knockAfter(
      [Buffer.alloc(0), Buffer.alloc(65_000, 'A'), '\r\n\r\n', '\0'.repeat(1000)],
      server.sipPort,
    );
    if (existsSync(vectors)) {
      await knockAfter(
        readdirSync(vectors).map((name) => readFileSync(join(vectors, name))),
        server.sipPort,
      );
    }
    expect(server.process.running).toBe(true);
  });

  it('SIP over UDP: the same from the carrier’s own address', async () => {
    await trunk.close();
    const carrier = await UdpStranger.open(server.trunkPort);
    try {
      const whole = (extra: string, body = offer) =>
        sipRequest('INVITE', { callId: randomUUID(), from: server.trunkPort, extra, body });
      const diversion = `Diversion: <sip:${NUMBER}@x>;reason=unavailable`;
      const bodies = ['v=0', 'garbage', `${offer}a=rtpmap:8 PCMA/0\r\n`, offer.replace('PCMA', 'G729')];
      const messages = [
        ...take(100, noise(2)),
        ...truncated(whole(diversion)),
        ...bodies.map((body) => whole(diversion, body)),
        whole('Diversion: <<<>>>;;;reason="'),
        whole(`History-Info: <sip:${NUMBER}@x?Reason=%%%>;index=a.b`),
        whole(`Diversion: <tel:${'9'.repeat(7000)}>`),
        whole(`${diversion}\r\nP-Asserted-Identity: "\u0000\u00ff" <sip:\u0001>`),
        whole(`${diversion}\r\nMax-Forwards: -1`),
        whole(`${diversion}\r\nRequire: everything`),
      ];
      for (const message of messages) {
        await carrier.send(message, server.sipPort);
        await carrier.knock(server.sipPort);
      }
      expect(carrier.answers('SIP/2.0 4').length).toBeGreaterThan(0);
      expect(carrier.answers('SIP/2.0 5')).toEqual([]);
      // Those that could be understood ring, are answered by voicemail that nobody acknowledges, and end by themselves.
      await idle();
    } finally {
      await carrier.close();
      trunk = await Trunk.open(server);
    }
  });

  it('an INVITE from an address that is no trunk: silence', async () => {
    const callId = randomUUID();
    await knockAfter([sipRequest('INVITE', { callId, from: stranger.port, body: offer })], server.sipPort);
    await knockAfter([sipRequest('OPTIONS', { callId, from: stranger.port })], server.sipPort);
    await knockAfter([sipRequest('BYE', { callId, from: stranger.port })], server.sipPort);
    expect(stranger.answers(callId)).toEqual([]);
    const elsewhere = await Trunk.open(server, await freePort());
    const call = await elsewhere.call({ called: NUMBER });
    await stranger.knock(server.sipPort);
    expect(call.statuses).toEqual([]);
    await elsewhere.close();
  });

  it('WebRTC and RTP ports: noise before and during a call, which is heard all the same', async () => {
    const kinds = [0x00, 0x01, 0x14, 0x16, 0x17, 0x3f, 0x40, 0x80, 0xc8, 0xff];
    const packets = take(100, noise(3)).map((bytes, index) => {
      bytes[0] = kinds[index % kinds.length] ?? 0;
      return bytes;
    });
    // STUN and DTLS whose lengths lie.
    const stun = Buffer.alloc(20);
    stun.writeUInt16BE(1, 0);
    stun.writeUInt16BE(0xffff, 2);
    stun.writeUInt32BE(0x2112a442, 4);
    const hello = Buffer.from('16feff0000000000000000ffff01ffffff0000000000ffffff', 'hex');
    const all = [...packets, stun, hello, Buffer.alloc(0)];
    const speech = take(15, strangeSpeech());
    await knockAfter(all, server.webrtcPort);
    await talk(async () => {
      await knockAfter(all, server.webrtcPort);
      for (let port = server.rtpPorts.min; port <= server.rtpPorts.max; port++) {
        await knockAfter(all.slice(0, 12), port);
        await knockAfter(speech, port);
      }
    });
  });

  it('SIP over TCP: noise is answered or closed', async () => {
    for (const bytes of take(20, noise(4))) {
      const line = new Line(server.sipPort);
      line.socket.end(bytes);
      await line.isClosed();
    }
    const invite = sipRequest('INVITE', { callId: randomUUID(), from: 1, body: offer });
    for (const part of truncated(invite)) {
      const line = new Line(server.sipPort);
      line.socket.end(part);
      await line.isClosed();
    }
    const negative = new Line(server.sipPort);
    negative.socket.write(invite.replace(/Content-Length: \d+/, 'Content-Length: -5'));
    await negative.isClosed();
  });

  it('SIP over TCP: a header of 10 MB is cut short, and memory does not follow', async () => {
    const before = { resident: residentBytes(), read: readBytes() };
    const lines = Array.from({ length: 20 }, () => new Line(server.sipPort));
    const chunk = Buffer.alloc(65_536, 'a');
    await Promise.all(
      lines.map(async (line) => {
        line.socket.write('REGISTER sip:localhost SIP/2.0\r\nX-Long: ');
        for (let sent = 0; sent < 10_000_000 && !line.closed; sent += chunk.length) {
          await new Promise<void>((resolve) => {
            line.socket.once('close', resolve);
            line.socket.write(chunk, () => {
              line.socket.off('close', resolve);
              resolve();
            });
          });
        }
        await line.isClosed();
      }),
    );
    await stranger.knock(server.sipPort);
    // Of 200 million bytes that were to come.
    expect(readBytes() - before.read).toBeLessThan(20_000_000);
    expect(residentBytes() - before.resident).toBeLessThan(60_000_000);
  });

  const residentBytes = () => 1024 * fromKernel('status', /VmRSS:\s+(\d+)/);
  /** What the server has read, from sockets too. */
  const readBytes = () => fromKernel('io', /rchar: (\d+)/);
  const fromKernel = (file: string, pattern: RegExp) =>
    Number(pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1]);

  it('SIP over WebSocket: noise, too much, the wrong protocol, a foreign page', async () => {
    const url = `ws://127.0.0.1:${server.httpPort}/sip`;
    for (const message of [
      'garbage',
      Buffer.from([0, 1, 2, 255]),
      '\r\n'.repeat(50),
      'x'.repeat(1_000_000),
    ]) {
      const socket = new WebSocket(url, 'sip');
      const over = new Promise<void>((resolve) => socket.on('close', () => resolve()));
      socket.on('error', () => undefined);
      socket.on('open', () => {
        socket.send(message);
        socket.close();
      });
      await over;
    }
    const refusal = (protocol: string, origin?: string) =>
      new Promise<number | undefined>((resolve) => {
        const socket = new WebSocket(url, protocol, origin ? { origin } : {});
        socket.on('unexpected-response', (_, response) => {
          resolve(response.statusCode);
          socket.terminate();
        });
        socket.on('error', () => undefined);
        socket.on('open', () => {
          resolve(undefined);
          socket.terminate();
        });
      });
    expect(await refusal('chat')).toBe(400);
    expect(await refusal('sip', 'http://evil.example')).toBe(403);
    const broken = new Line(server.httpPort);
    broken.socket.write(
      'GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n',
    );
    await until(() => broken.text.includes('101'));
    broken.socket.write(Buffer.from('ffffffffffffffffffff', 'hex'));
    await broken.isClosed();
  });

  it('HTTP: noise is 400, and every wrong request gets a problem document', async () => {
    for (const text of [
      'GARBAGE\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}`,
    ]) {
      const line = new Line(server.httpPort);
      line.socket.write(text);
      expect(await line.isClosed()).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = {
        'content-type': 'application/json',
        'x-requested-with': 'ringthrough',
        ...init.headers,
      };
      const answer = await fetch(server.url + path, { method: 'POST', ...init, headers });
      const text = await answer.text();
      const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
      return [answer.status, isProblem ? (JSON.parse(text) as { code: string }).code : text.slice(0, 80)];
    };
    expect(await ask('/api/validations', { body: '{' })).toEqual([400, 'bad-json']);
    expect(await ask('/api/validations', { body: '{}' })).toEqual([400, 'bad-request']);
    expect(await ask('/api/validations', { body: `"${'x'.repeat(100_000)}"` })).toEqual([
      413,
      'body-too-large',
    ]);
    const xml = { 'content-type': 'text/xml' };
    expect(await ask('/api/validations', { body: '<x/>', headers: xml })).toEqual([
      415,
      'unsupported-media-type',
    ]);
    expect(await ask('/api/nothing', { body: '{}' })).toEqual([404, 'not-found']);
    expect(await ask('/api/account', { method: 'GET' })).toEqual([401, 'not-logged-in']);
    expect(await ask('/api/calls', { method: 'GET', headers: { cookie: 'ringthrough_session=x' } })).toEqual([
      401,
      'not-logged-in',
    ]);
    const raw = new Line(server.httpPort);
    raw.socket.write('GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await raw.isClosed()).not.toContain('root:');
  });

  it('numbers that are none, codes that are wrong or too old', async () => {
    const visitor = new Person(server);
    for (const number of ['', '12', 'call me', '+999999999999', '+1415555010100000', '🙂']) {
      const status = number === '' ? [400, 'bad-request'] : [422, 'not-a-number'];
      await refused(
        visitor.call('POST', '/api/validations', { number, region: 'US', purpose: 'sign-up' }),
        status[0] as number,
        status[1] as string,
      );
    }
    const start = () =>
      visitor.call<{ id: string; expiresAt: number }>('POST', '/api/validations', {
        number: '+14155550102',
        purpose: 'sign-up',
      });
    const check = (id: string, code: string) =>
      visitor.call('POST', `/api/validations/${id}/check`, { code });
    const codeOf = async (nth: number) => {
      const { text } = await server.sms.next('+14155550102', nth);
      return /\b\d{6}\b/.exec(text)?.[0] ?? '';
    };

    const guessed = await start();
    const right = await codeOf(0);
    const wrong = right === '000000' ? '111111' : '000000';
    for (let left = 4; left > 0; left--) {
      const { problem } = await refused(check(guessed.id, wrong), 422, 'wrong-code');
      expect(problem).toMatchObject({ attemptsLeft: left });
    }
    await check(guessed.id, wrong).catch(() => undefined);
    await refused(check(guessed.id, right), 422, 'too-many-attempts');

    const old = await start();
    const oldCode = await codeOf(1);
    await until(() => Date.now() > old.expiresAt, { timeoutMs: codeLifetimeSeconds * 1000 + 1000 });
    await refused(check(old.id, oldCode), 422, 'code-expired');
    await refused(check('no-such-id', '123456'), 404, 'no-such-validation');
    const device = { name: 'x', system: 'x' };
    await refused(
      visitor.call('POST', '/api/accounts', { proof: 'forged', password: 'correct horse 7', device }),
      422,
      'bad-proof',
    );
  });

  it('wrong passwords: one answer for all, on the web and in SIP', async () => {
    const visitor = new Person(server);
    const wrong = await refused(visitor.logIn(NUMBER, 'wrong horse 7'), 401, 'wrong-credentials');
    const unknown = await refused(visitor.logIn('+14155550199', 'wrong horse 7'), 401, 'wrong-credentials');
    expect(unknown.problem).toEqual(wrong.problem);
    for (const attempt of [
      { ...sip, password: 'wrong' },
      { ...sip, user: 'dnobody' },
    ]) {
      await expect(SipDevice.register(server, attempt)).rejects.toThrow('failed');
    }
    const devices = await person.call<Array<{ kind: string; registered: boolean }>>('GET', '/api/devices');
    expect(devices.filter(({ registered }) => registered)).toHaveLength(1);
  });

  it('a call to a number that nobody linked: 404, and nothing is left of it', async () => {
    const call = await trunk.call({ called: '+14155550177' });
    await until(() => call.endedBy);
    expect(call.statuses.at(-1)).toBe(404);
  });

  it('after all that the same process carries a call, and nothing has leaked', async () => {
    expect(server.process.running).toBe(true);
    expect(server.process.child.pid).toBe(pid);
    await talk();
    expect(await idle()).toEqual(atFirst);
    expect(server.process.output).not.toMatch(/uncaught|unhandled|RangeError|TypeError/i);
  });
});
