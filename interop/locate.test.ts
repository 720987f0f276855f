import { SipRequest, type SipResponse, SipStack } from '@ringthrough/sip';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterEach, expect as assert, describe, it } from 'vitest';
import { Dnsmasq } from './support/dnsmasq.ts';
import { hasPeer } from './support/peers.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { device, expect, Sipp } from './support/sipp.ts';

const [a, b] = ['127.0.0.2', '127.0.0.3'];

describe.skipIf(!hasPeer('dnsmasq'))('RFC 3263 with dnsmasq', () => {
  const open: Array<() => Promise<unknown>> = [];
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  async function dns(records: string[], ttlSeconds?: number): Promise<Dnsmasq> {
    const server = await Dnsmasq.start(records, ttlSeconds);
    open.push(() => server.stop());
    return server;
  }

  /** @param options.quick the first server is left early, to save the test's time */
  async function client(server: Dnsmasq, options: { quick?: boolean } = {}): Promise<SipStack> {
    const listeners = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, host: '127.0.0.1', port: 0 }));
    const dns = { servers: [server.address], timeoutMs: 1_000, attempts: 1 };
    const timers = options.quick ? { nextServer: 300 } : {};
    const stack = new SipStack({ userAgent: 'client', listeners, dns, timers });
    await stack.start();
    open.push(() => stack.close());
    return stack;
  }

  /** A SIP server that tells its address and how it was reached. */
  async function serverAt(host: string, port: number, status = 200): Promise<{ requests: number }> {
    const seen = { requests: 0 };
    const listeners = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, host, port }));
    const stack = new SipStack({ userAgent: 'server', listeners });
    stack.on('request', (incoming) => {
      seen.requests++;
      incoming.respond(status, { headers: [['X-Reached', `${host} ${incoming.flow.protocol}`]] });
    });
    await stack.start();
    open.push(() => stack.close());
    return seen;
  }

  const ask = (stack: SipStack, uri = 'sip:carrier.test'): Promise<SipResponse> =>
    stack.request(new SipRequest('OPTIONS', uri), { uri });
  const reached = async (answer: Promise<SipResponse>) => (await answer).headers.get('X-Reached');

  const addresses = [`host-record=a.carrier.test,${a}`, `host-record=b.carrier.test,${b}`];
  const srv = (protocol: string, name: string, port: number, priority: number, weight = 1) =>
    `srv-host=_sip._${protocol}.carrier.test,${name}.carrier.test,${port},${priority},${weight}`;

  it('NAPTR says which transport, SRV which port', async () => {
    const port = await freePort();
    await serverAt(a, port);
    const server = await dns([
      ...addresses,
      'naptr-record=carrier.test,10,10,s,SIPS+D2W,,_sips._ws.carrier.test',
      'naptr-record=carrier.test,20,20,s,SIP+D2U,,_sip._udp.carrier.test',
      'naptr-record=carrier.test,20,10,s,SIP+D2T,,_sip._tcp.carrier.test',
      srv('tcp', 'a', port, 0),
      srv('udp', 'a', port, 0),
    ]);
    const stack = await client(server);
    assert(await reached(ask(stack))).toBe(`${a} tcp`);
    assert(await reached(ask(stack, 'sip:carrier.test;transport=udp'))).toBe(`${a} udp`);
    assert(await reached(ask(stack, `sip:a.carrier.test:${port}`))).toBe(`${a} udp`);
  });

  it('an alias leads where its name does', async () => {
    const port = await freePort();
    await serverAt(b, port);
    const stack = await client(await dns([...addresses, 'cname=old.carrier.test,b.carrier.test']));
    assert(await reached(ask(stack, `sip:old.carrier.test:${port}`))).toBe(`${b} udp`);
  });

  it('the preferred server is dead: the next one answers, and at once from then on', async () => {
    const port = await freePort();
    await serverAt(b, port);
    const server = await dns([...addresses, srv('udp', 'a', port, 1), srv('udp', 'b', port, 2)]);
    const stack = await client(server, { quick: true });
    assert(await reached(ask(stack))).toBe(`${b} udp`);
    const { serverFailovers } = stack.counters;
    assert(await reached(ask(stack))).toBe(`${b} udp`);
    assert([serverFailovers, stack.counters.serverFailovers]).toEqual([1, 1]);
  });

  it('nobody listens for TCP there: the next one answers', async () => {
    const port = await freePort();
    await serverAt(b, port);
    const server = await dns([...addresses, srv('tcp', 'a', port, 1), srv('tcp', 'b', port, 2)]);
    assert(await reached(ask(await client(server), 'sip:carrier.test;transport=tcp'))).toBe(`${b} tcp`);
  });

  it('503: the next one answers, and the first is left alone', async () => {
    const port = await freePort();
    const first = await serverAt(a, port, 503);
    await serverAt(b, port);
    const server = await dns([...addresses, srv('udp', 'a', port, 1), srv('udp', 'b', port, 2)]);
    const stack = await client(server);
    for (let request = 0; request < 3; request++) assert(await reached(ask(stack))).toBe(`${b} udp`);
    assert(first.requests).toBe(1);
  });

  it('weights are kept roughly', async () => {
    const port = await freePort();
    const seen = [await serverAt(a, port), await serverAt(b, port)];
    const server = await dns([...addresses, srv('udp', 'a', port, 1, 75), srv('udp', 'b', port, 1, 25)]);
    const stack = await client(server);
    const answers = await Promise.all(Array.from({ length: 400 }, () => ask(stack)));
    assert(answers.every(({ status }) => status === 200)).toBe(true);
    // 300 are expected; so far aside is six standard deviations.
    assert(Math.abs((seen[0]?.requests ?? 0) - 300)).toBeLessThan(52);
  });

  it('a changed record counts when the old one’s time is over', async () => {
    const port = await freePort();
    await serverAt(a, port);
    await serverAt(b, port);
    const ttlSeconds = 2;
    const server = await dns([...addresses, srv('udp', 'a', port, 1)], ttlSeconds);
    const stack = await client(server);
    assert(await reached(ask(stack))).toBe(`${a} udp`);
    await server.change([...addresses, srv('udp', 'b', port, 1)], ttlSeconds);
    await until(async () => (await reached(ask(stack))) === `${b} udp`);
  });

  it('more records than fit into a datagram are asked for over TCP', async () => {
    const port = await freePort();
    await serverAt(b, port);
    const long = 'x'.repeat(60);
    const many = Array.from({ length: 60 }, (_, index) => [
      `host-record=s${index}.${long}.test,127.0.0.77`,
      `srv-host=_sip._udp.carrier.test,s${index}.${long}.test,${port},9,1`,
    ]);
    const server = await dns([...addresses, ...many.flat(), srv('udp', 'b', port, 1)]);
    assert(await reached(ask(await client(server)))).toBe(`${b} udp`);
  });

  it('while no DNS server answers, what was known is good', async () => {
    const port = await freePort();
    await serverAt(a, port);
    const server = await dns([...addresses, srv('udp', 'a', port, 1)], 0);
    const stack = await client(server);
    assert(await reached(ask(stack))).toBe(`${a} udp`);
    await server.silence();
    assert(await reached(ask(stack))).toBe(`${a} udp`);
  });

  it.skipIf(!hasPeer('openssl')).each([
    ['the domain that was called', 'carrier.test', 200],
    ['the host that SRV named', 'a.carrier.test', 503],
  ])('over TLS a certificate for %s counts so: %s, %i (RFC 5922 section 4)', async (_, name, status) => {
    const authority = await TestAuthority.create();
    open.push(() => authority.remove());
    const port = await freePort();
    const listen = async (host: string, at: number, tls: { cert: string; key: string }, dns = {}) => {
      const listeners = [{ protocol: 'tls' as const, host, port: at }];
      const stack = new SipStack({ userAgent: host, listeners, tls: { ...tls, ca: authority.ca }, dns });
      await stack.start();
      open.push(() => stack.close());
      return stack;
    };
    await listen(a, port, await authority.issue('x', `DNS:${name}`));
    const server = await dns([...addresses, `srv-host=_sips._tcp.carrier.test,a.carrier.test,${port},1,1`]);
    const stack = await listen('127.0.0.1', 0, await authority.issue('y', 'DNS:client.test'), {
      servers: [server.address],
    });
    assert((await ask(stack, 'sips:carrier.test')).status).toBe(status);
  });

  it('a name that nobody knows ends the request, with 503 made here', async () => {
    const stack = await client(await dns(addresses));
    const answer = await ask(stack, 'sip:nowhere.test');
    assert([answer.status, answer.headers.has('Warning')]).toEqual([503, true]);
  });

  it.skipIf(!hasPeer('sipp'))('a call to a dead server and SIPp is SIPp’s, from INVITE to BYE', async () => {
    const port = await freePort();
    const server = await dns([
      `host-record=a.carrier.test,${a}`,
      'host-record=b.carrier.test,127.0.0.1',
      srv('udp', 'a', port, 1),
      srv('udp', 'b', port, 2),
    ]);
    const stack = await client(server, { quick: true });
    const sipp = new Sipp({
      remotePort: await freePort(),
      localPort: port,
      steps: [
        expect.request('INVITE'),
        device.reply('180 Ringing'),
        device.reply('200 OK', { body: true }),
        expect.request('ACK'),
        expect.request('BYE'),
        device.replyPlain('200 OK'),
      ],
    });
    open.push(() => sipp.stop());
    const request = new SipRequest('INVITE', 'sip:x@carrier.test', { body: 'v=0' });
    const session = stack.invite({ request, target: { uri: 'sip:carrier.test' } });
    const heard: number[] = [];
    session.on('provisional', ({ status }) => heard.push(status));
    session.on('accepted', ({ status }) => {
      heard.push(status);
      session.bye();
    });
    await sipp.succeeded();
    assert(heard).toEqual([180, 200]);
  });
});
