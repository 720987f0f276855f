import { SipStack, systemClock, type UacSession } from '@ringthrough/sip';
import { afterEach, expect as assert, beforeEach, describe, it } from 'vitest';
import { TrunkLoad } from '../server/src/calls/index.ts';
import { type OutboundFailure, TrunkDialer } from '../server/src/carrier/index.ts';
import { parseConfig } from '../server/src/config.ts';
import { LocalFabric } from '../server/src/fabric/index.ts';
import { createLogger } from '../server/src/log.ts';
import { Dnsmasq } from './support/dnsmasq.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { device, expect, mustMatch, Sipp, type Step } from './support/sipp.ts';

const NUMBER = '+14155550101';
const many = 100_000;

/** The switch of a carrier: what it does with each call. */
const answers: Step[] = [
  expect.request('INVITE'),
  device.reply('200 OK', { body: true }),
  expect.request('ACK'),
  expect.request('BYE'),
  device.replyPlain('200 OK'),
];
const refuses: Step[] = [
  expect.request('INVITE'),
  device.reply('503 Service Unavailable'),
  expect.request('ACK'),
];
const isThere: Step[] = [expect.request('OPTIONS'), device.replyPlain('200 OK')];
const challenge =
  'Proxy-Authenticate: Digest realm="sbc", nonce="0a1b2c3d4e", algorithm=MD5, qop="auth"\nContent-Length: 0';

describe.skipIf(!hasPeer('sipp'))('calls of ours over trunks, with SIPp as the carriers', () => {
  const running: Sipp[] = [];
  const changes: string[] = [];
  let stack: SipStack;
  let dialer: TrunkDialer | undefined;
  let load: TrunkLoad;

  beforeEach(async () => {
    changes.length = 0;
    await listen({});
  });
  afterEach(async () => {
    await dialer?.close();
    dialer = undefined;
    await stack.close();
    for (const sipp of running.splice(0)) await sipp.stop();
  });

  async function listen(dns: { servers?: string[] }): Promise<void> {
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port: 0 }];
    stack = new SipStack({ userAgent: 'Ringthrough', contactUser: 'ringthrough', listeners, dns });
    await stack.start();
  }

  function dialerOf(...trunks: string[]): TrunkDialer {
    const text = `{ id: c, name: C, country: US, family: gsm, prefixes: ['+1'], cNumber: '+14155559000', trunks: [${trunks.join(', ')}] }`;
    const { carriers } = parseConfig(`carriers: [${text}]`);
    const fabric = new LocalFabric((error) => {
      throw error;
    });
    fabric.subscribe('trunk.changed', ({ trunkId, up }) => changes.push(`${trunkId} ${up ? 'up' : 'down'}`));
    const log = createLogger({ level: 'silent', destination: 'stderr' });
    load = new TrunkLoad(Date.now);
    dialer = new TrunkDialer({ carriers, stack, clock: systemClock, load, fabric, log });
    dialer.start();
    return dialer;
  }

  /** @param more settings of `outbound`; a SIPp that is slow to start has time enough where nothing else is said */
  const trunk = (port: number, more: string, rest = '') =>
    `{ ${rest} outbound: { uri: 'sip:127.0.0.1:${port}', optionsSeconds: 0, ${more || 'answerSeconds: 15'} } }`;

  async function carrierAt(port: number, steps: Step[]): Promise<Sipp> {
    const sipp = new Sipp({ steps, calls: many, localPort: port, remotePort: await freePort() });
    running.push(sipp);
    return sipp;
  }

  /** Calls, hangs up when it is answered. @returns the trunk that took it, or why none did */
  function dial(from: TrunkDialer): Promise<string | OutboundFailure> {
    return new Promise((resolve) => {
      const call = from.call(
        { carrierId: 'c', to: NUMBER, sdp: 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n' },
        {
          answered: (session: UacSession) => {
            session.bye();
            resolve(call.trunkId ?? '');
          },
          failed: resolve,
        },
      );
    });
  }

  it('calls are spread by priority and weight', async () => {
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    for (const port of ports) await carrierAt(port, answers);
    const to = dialerOf(
      trunk(ports[0], 'weight: 3, answerSeconds: 15', 'id: big,'),
      trunk(ports[1], 'weight: 1, answerSeconds: 15', 'id: small,'),
      trunk(ports[2], 'priority: 2, answerSeconds: 15', 'id: spare,'),
    );
    const taken = await Promise.all(Array.from({ length: 200 }, () => dial(to)));
    const count = (id: string) => taken.filter((one) => one === id).length;
    assert(count('big') + count('small')).toBe(200);
    // 150 are expected; so far aside is six standard deviations.
    assert(Math.abs(count('big') - 150)).toBeLessThan(37);
  });

  it('the first trunk is dead: the second takes the call, and the next ones at once', async () => {
    const [dead, alive] = [await freePort(), await freePort()];
    await carrierAt(alive, answers);
    const to = dialerOf(
      trunk(dead, 'answerSeconds: 1', 'id: first,'),
      trunk(alive, 'priority: 2, answerSeconds: 15', 'id: second,'),
    );
    await until(async () => (await dial(to)) === 'second');
    assert(changes).toEqual(['first down']);
    assert(await dial(to)).toBe('second');
    assert(to.states().map(({ trunkId, up, failures }) => `${trunkId} ${up} ${failures}`)).toEqual([
      'first false 1',
      assert.stringMatching(/^second true \d+$/),
    ]);
  });

  it('the first trunk answers 503: the second takes the call', async () => {
    const [busy, alive] = [await freePort(), await freePort()];
    const first = await carrierAt(busy, refuses);
    await carrierAt(alive, answers);
    const to = dialerOf(
      trunk(busy, 'downSeconds: 600, answerSeconds: 15', 'id: first,'),
      trunk(alive, 'priority: 2, answerSeconds: 15', 'id: second,'),
    );
    await until(async () => (await dial(to)) === 'second');
    await until(() => first.messages.includes('ACK sip:'));
    assert(await dial(to)).toBe('second');
    assert(first.messages.match(/^INVITE /gm)).toHaveLength(1);
  });

  it('a trunk is down when its OPTIONS are not answered, and up again when they are', async () => {
    const port = await freePort();
    const to = dialerOf(
      `{ id: sbc, outbound: { uri: 'sip:127.0.0.1:${port}', optionsSeconds: 0.2, answerSeconds: 0.5 } }`,
    );
    await until(() => changes.at(-1) === 'sbc down');
    assert(await dial(to)).toMatchObject({ why: 'no-trunk' });
    const carrier = await carrierAt(port, isThere);
    await until(() => changes.at(-1) === 'sbc up');
    await carrier.process.stop('SIGKILL');
    await until(() => changes.at(-1) === 'sbc down');
    assert(changes).toEqual(['sbc down', 'sbc up', 'sbc down']);
  });

  it('a challenge is answered with the credentials of the trunk; numbers and headers are in its form', async () => {
    const port = await freePort();
    const carrier = await carrierAt(port, [
      expect.request('INVITE'),
      device.reply('407 Proxy Authentication Required').replace('Content-Length: 0', challenge),
      expect.request('ACK'),
      expect.request('INVITE', mustMatch('Proxy-Authorization', 'username="us".*realm="sbc"')),
      device.reply('200 OK', { body: true }),
      expect.request('ACK'),
      expect.request('BYE'),
      device.replyPlain('200 OK'),
    ]);
    const headers =
      'headers: [{ do: copy, header: P-Asserted-Identity, from: From }, { do: set, header: X-Campaign, value: proof }]';
    const to = dialerOf(
      trunk(port, `username: us, password: pw, answerSeconds: 15, ${headers}`, 'numberFormat: e164-no-plus,'),
    );
    await until(async () => (await dial(to)) === '1');
    assert(carrier.messages).toMatch(/^INVITE sip:14155550101@127\.0\.0\.1:\d+;user=phone SIP/m);
    assert(carrier.messages).toMatch(/^From: <sip:14155559000@127\.0\.0\.1;user=phone>;tag=/m);
    assert(carrier.messages).toMatch(/^P-Asserted-Identity: <sip:14155559000@127\.0\.0\.1;user=phone>\r$/m);
    assert(carrier.messages).toMatch(/^X-Campaign: proof\r$/m);
  });

  it('more calls than a trunk may carry go over the next one', async () => {
    const [one, two] = [await freePort(), await freePort()];
    for (const port of [one, two]) await carrierAt(port, answers);
    const to = dialerOf(
      trunk(one, '', 'id: small, maxConcurrentCalls: 1,'),
      trunk(two, 'priority: 2, answerSeconds: 15', 'id: next, maxConcurrentCalls: 1,'),
    );
    await until(async () => typeof (await dial(to)) === 'string');
    const taken = await Promise.all([dial(to), dial(to), dial(to)]);
    assert(taken.filter((one) => one === 'small')).toHaveLength(1);
    assert(taken.filter((one) => one === 'next')).toHaveLength(1);
    assert(taken.find((one) => typeof one !== 'string')).toMatchObject({ why: 'limit' });
  });

  it.skipIf(!hasPeer('dnsmasq'))('a trunk with a name is where its SRV records say', async () => {
    const [dead, alive] = [await freePort(), await freePort()];
    const dns = await Dnsmasq.start([
      'host-record=a.carrier.test,127.0.0.1',
      `srv-host=_sip._udp.carrier.test,a.carrier.test,${dead},1,1`,
      `srv-host=_sip._udp.carrier.test,a.carrier.test,${alive},2,1`,
    ]);
    try {
      await stack.close();
      await listen({ servers: [dns.address] });
      await carrierAt(alive, answers);
      const to = dialerOf("{ outbound: { uri: 'sip:carrier.test', optionsSeconds: 0 } }");
      await until(async () => (await dial(to)) === '1');
      assert(stack.counters.serverFailovers).toBeGreaterThanOrEqual(1);
    } finally {
      await dns.stop();
    }
  });

  it('a registrar gets our registration, with digest, and loses it when we stop', async () => {
    // Another house of ours is the registrar: what it takes a softphone for are we.
    const registrar = await Ringthrough.start();
    try {
      const [person] = await Person.signUp(registrar, NUMBER);
      const { sip, device } = await person.addSoftphone();
      const isRegistered = async () => {
        const devices = await person.call<Array<{ id: string; registered: boolean }>>('GET', '/api/devices');
        return devices.find(({ id }) => id === device.id)?.registered === true;
      };
      const credentials = `username: ${sip.user}, password: '${sip.password}'`;
      const register = `register: { address: 'sip:${sip.user}@${sip.domain}' }`;
      const to = dialerOf(trunk(registrar.sipPort, `${credentials}, ${register}`, 'id: retail,'));
      assert(to.states()[0]).toMatchObject({ up: false, registered: false });
      await until(() => changes.at(-1) === 'retail up');
      assert(await isRegistered()).toBe(true);
      await to.close();
      assert(await isRegistered()).toBe(false);
    } finally {
      await registrar.stop();
    }
  });

  it('the server asks its trunks, and its metrics tell how they are', async () => {
    const port = await freePort();
    const carrier = await carrierAt(port, isThere);
    const outbound = { uri: `sip:127.0.0.1:${port}`, optionsSeconds: 0.3, answerSeconds: 1 };
    const server = await Ringthrough.start({ trunks: [{ id: 'way-out', outbound }] });
    try {
      const up = () => server.gauge('ringthrough_trunk_up{carrier="test-carrier",trunk="way-out"}');
      await until(() => carrier.messages.includes('SIP/2.0 200 OK'));
      await until(async () => (await up()) === 1);
      await carrier.process.stop('SIGKILL');
      await until(async () => (await up()) === 0);
    } finally {
      await server.stop();
    }
  });
});
