import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SipRequest, SipStack } from '@ringthrough/sip';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterAll, afterEach, expect as assert, beforeAll, describe, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { C_NUMBER, Ringthrough } from './support/ringthrough.ts';
import { device, expect, mustMatch, Sipp, type Step, trunk } from './support/sipp.ts';
import { SippDevice } from './support/sipp-device.ts';

const NUMBER = '+14155550101';
const forwarded = [`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable`];
const unknown = ['Diversion: <sip:+14155550777@carrier.example>;reason=unavailable'];

/** Of the test carrier, by whom a call came. */
const counted = (server: Ringthrough, id: string, name = 'calls') =>
  server.gauge(`ringthrough_trunk_${name}_total{carrier="test-carrier",trunk="${id}",direction="inbound"}`);

/** Waits for an answer that must not come. */
const silence = '<recv response="100" timeout="2000" ontimeout="silent"/><label id="silent"/>';

describe.skipIf(!hasPeer('sipp'))(
  'trunks by password and by block of addresses, with SIPp as the switch',
  () => {
    let server: Ringthrough;
    const running: Sipp[] = [];

    beforeAll(async () => {
      server = await Ringthrough.start({
        trunks: [
          { id: 'farm', host: '127.0.0.16/28' },
          { id: 'retail', digest: { username: 'retail-7', password: 'a-secret' }, maxConcurrentCalls: 1 },
        ],
      });
    });
    afterEach(async () => {
      for (const sipp of running.splice(0)) await sipp.stop();
    });
    afterAll(() => server?.stop());

    const run = async (steps: Step[], keys: Record<string, string> = {}, calls = 1): Promise<Sipp> => {
      const { sipPort: remotePort } = server;
      const authUri = `${C_NUMBER}@127.0.0.1:${remotePort}`;
      const sipp = new Sipp({ steps, keys, calls, authUri, remotePort, localPort: await freePort() });
      running.push(sipp);
      return sipp;
    };
    const challenged = expect.response(407).replace('<recv ', '<recv auth="true" ');
    const authorized = (password = 'a-secret', headers = unknown) =>
      trunk
        .invite([`[authentication username=retail-7 password=${password}]`, ...headers])
        .replace('CSeq: 1 INVITE', 'CSeq: 2 INVITE');
    const ackOf = (cseq: number) => trunk.ackFailure(2).replace('CSeq: 1 ACK', `CSeq: ${cseq} ACK`);
    const refused = expect.response(404, { check: mustMatch('Reason', 'Q.850;.*cause=1') });
    const trying = expect.response(100, { optional: true });

    it('a trunk that answers the challenge is heard, wherever it calls from', async () => {
      const before = await counted(server, 'retail');
      const steps = [
        trunk.invite(unknown),
        challenged,
        trunk.ackFailure(1),
        authorized(),
        trying,
        refused,
        ackOf(2),
      ];
      await (await run(steps)).succeeded();
      assert(await counted(server, 'retail')).toBe(before + 1);
    });

    it('a wrong password is challenged again, and is no call', async () => {
      const before = await counted(server, 'retail');
      const steps = [
        trunk.invite(unknown),
        challenged,
        trunk.ackFailure(1),
        authorized('wrong'),
        expect.response(407),
      ];
      await (await run(steps)).succeeded();
      assert(await counted(server, 'retail')).toBe(before);
    });

    it('who does not even call the C number gets no answer', async () => {
      const sipp = await run([trunk.invite(unknown), silence], { cnumber: '+14155550000' });
      await sipp.process.exited();
      assert(sipp.messages).not.toContain('message received');
    });

    it('more calls than the trunk may have are refused with 503 and Retry-After', async () => {
      const [person] = await Person.signUp(server, NUMBER);
      const { sip } = await person.addSoftphone();
      const phone = await SippDevice.register(server, sip);
      const callee = phone.play([
        expect.request('INVITE'),
        device.reply('180 Ringing'),
        expect.request('CANCEL'),
        device.replyPlain('200 OK'),
      ]);
      running.push(callee);
      const first = await run([
        trunk.invite(forwarded),
        challenged,
        trunk.ackFailure(1),
        authorized('a-secret', forwarded),
        trying,
        expect.response(180),
        '<recv request="BYE" timeout="30000" ontimeout="over"/><label id="over"/>',
      ]);
      await until(() => first.messages.includes('SIP/2.0 180'));
      const busy = expect.response(503, { check: mustMatch('Retry-After', '[0-9]+') });
      const second = await run([
        trunk.invite(unknown),
        challenged,
        trunk.ackFailure(1),
        authorized(),
        trying,
        busy,
        ackOf(2),
      ]);
      await second.succeeded();
      assert(await counted(server, 'retail', 'refused')).toBe(1);
    });

    it('a block of addresses is one trunk', async () => {
      const [inside, outside] = ['127.0.0.17', '127.0.0.33'];
      const before = await counted(server, 'farm');
      const statuses: Record<string, number> = {};
      for (const host of [inside, outside]) {
        const stack = new SipStack({ userAgent: 'switch', listeners: [{ protocol: 'udp', host, port: 0 }] });
        await stack.start();
        statuses[host] = await call(stack, { protocol: 'udp', host: '127.0.0.1', port: server.sipPort });
        await stack.close();
      }
      assert(statuses).toEqual({ [inside]: 404, [outside]: 407 });
      assert(await counted(server, 'farm')).toBe(before + 1);
    });
  },
);

/** Calls the C number for a number that nobody has linked. @returns the final status; 408: silence */
function call(
  stack: SipStack,
  target: { protocol: 'udp' | 'tls'; host: string; port: number },
): Promise<number> {
  const request = new SipRequest('INVITE', `sip:${C_NUMBER}@127.0.0.1`, {
    headers: [
      ['From', '<sip:+12125550199@carrier.example>'],
      ['Diversion', '<sip:+14155550777@carrier.example>;reason=unavailable'],
      ['Subject', 'x'.repeat(300)],
    ],
    body: 'v=0',
  });
  const session = stack.invite({ request, target, answerWithinMs: 3_000 });
  return new Promise((resolve) => session.on('rejected', ({ status }) => resolve(status)));
}

describe.skipIf(!hasPeer('openssl'))('a trunk by its TLS certificate', () => {
  let server: Ringthrough;
  let authority: TestAuthority;
  let stranger: TestAuthority;
  let port = 0;

  beforeAll(async () => {
    [authority, stranger] = [await TestAuthority.create(), await TestAuthority.create()];
    const own = await authority.issue('server', 'IP:127.0.0.1');
    const file = (name: string, text: string) => {
      const path = join(authority.folder, name);
      writeFileSync(path, text);
      return path;
    };
    port = await freePort();
    const tls = {
      port,
      cert: file('own.pem', own.cert),
      key: file('own.key', own.key),
      ca: file('all.pem', authority.ca),
    };
    server = await Ringthrough.start({
      trunks: [{ id: 'sbc', tls: { name: 'sbc.carrier.example' } }],
      config: { sip: { tls } },
    });
  });
  afterAll(async () => {
    await server?.stop();
    await Promise.all([authority?.remove(), stranger?.remove()]);
  });

  async function callWith(pair: { cert: string; key: string } | undefined): Promise<number> {
    const stack = new SipStack({
      userAgent: 'switch',
      listeners: [{ protocol: 'tcp', host: '127.0.0.1', port: 0 }],
      // Without a pair of its own it shows nothing.
      tls: { ...(pair ?? { cert: '', key: '' }), ca: authority.ca },
    });
    await stack.start();
    try {
      return await call(stack, { protocol: 'tls', host: '127.0.0.1', port });
    } finally {
      await stack.close();
    }
  }

  it('with the name of the trunk is heard', async () => {
    const before = await counted(server, 'sbc');
    assert(await callWith(await authority.issue('x', 'DNS:sbc.carrier.example'))).toBe(404);
    assert(
      await callWith(await authority.issue('x', 'URI:sip:sbc.carrier.example', 'DNS:host.example')),
    ).toBe(404);
    assert(await counted(server, 'sbc')).toBe(before + 2);
  });

  it.each([
    ['with another name', () => authority.issue('sbc.carrier.example', 'DNS:evil.example')],
    ['with a wildcard', () => authority.issue('x', 'DNS:*.carrier.example')],
    ['of another authority', () => stranger.issue('x', 'DNS:sbc.carrier.example')],
    ['that is not shown', async () => undefined],
  ])('%s gets no answer', async (_, issue) => {
    const before = await counted(server, 'sbc');
    assert(await callWith(await issue())).toBe(408);
    assert(await counted(server, 'sbc')).toBe(before);
  });
});
