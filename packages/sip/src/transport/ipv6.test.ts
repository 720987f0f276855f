import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMessage, SipRequest, serializeMessage } from '../message/index.ts';
import { TestAuthority } from '../testing/index.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { ListenerOptions } from '../ua/types.ts';
import type { TlsOptions } from './network.ts';
import type { SocketProtocol, Target } from './types.ts';

const loopback = '::1';
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === loopback),
);
/** Absent where the kernel was built or booted without IPv6; there is nothing that a test could turn on. */
const kernelHasIpv6 = existsSync('/proc/net/if_inet6');

if (!hasIpv6 && process.env.CI) {
  const missing = 'IPv6 tests: no ::1 on this machine';
  if (kernelHasIpv6) throw new Error(`${missing}; turn it on: sysctl net.ipv6.conf.lo.disable_ipv6=0`);
  process.stderr.write(
    `\n*** ${missing}, and the kernel has no IPv6: NOTHING OF IPv6 IS TESTED HERE ***\n\n`,
  );
}

const open: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function started(listeners: ListenerOptions[], tls?: TlsOptions): Promise<SipStack> {
  const timers = { t1: 100, t2: 400, t4: 100 };
  const stack = new SipStack({ userAgent: 'six', timers, listeners, ...(tls ? { tls } : {}) });
  await stack.start();
  open.push(() => stack.close());
  return stack;
}

const portOf = (stack: SipStack, protocol: SocketProtocol, host = loopback) =>
  stack.addresses.find((one) => one.protocol === protocol && one.host === host)!.port;

/** A call whose dialog sends its later requests to the addresses of Contact. */
async function call(caller: SipStack, callee: SipStack, target: Target): Promise<string[]> {
  const seen: string[] = [];
  const ended = new Promise<void>((resolve) =>
    callee.on('invite', (session) => {
      for (const name of ['Via', 'Contact']) seen.push(session.request.headers.get(name) ?? '');
      session.on('ended', () => resolve());
      session.accept({ sdp: 'v=0' });
    }),
  );
  const request = new SipRequest('INVITE', 'sip:b@[::1]', { body: 'v=0' });
  const session = caller.invite({ request, target });
  await new Promise<void>((resolve, reject) => {
    session.on('rejected', ({ status }) => reject(new Error(`rejected ${status}`)));
    session.on('accepted', ({ headers }) => {
      seen.push(headers.get('Contact') ?? '');
      resolve();
    });
  });
  expect((await session.sendRequest('INFO')).status).toBe(200);
  session.bye();
  await ended;
  return seen;
}

describe('over IPv6', () => {
  beforeEach(({ skip }) => skip(!hasIpv6, 'no ::1 on this machine'));

  async function credentials(): Promise<TlsOptions> {
    const authority = await TestAuthority.create();
    open.push(() => authority.remove());
    return { ...(await authority.issue('six', 'IP:::1')), ca: authority.ca };
  }

  it.for(['udp', 'tcp', 'tls'] as const)(
    'a call over %s, brackets in Via and Contact',
    async (protocol, { skip }) => {
      skip(protocol === 'tls' && !TestAuthority.available, 'no openssl on this machine');
      const tls = protocol === 'tls' ? await credentials() : undefined;
      const listeners = [{ protocol, host: loopback, port: 0 }];
      const [caller, callee] = [await started(listeners, tls), await started(listeners, tls)];
      const target = { protocol, host: loopback, port: portOf(callee, protocol) };
      const [via, contact, theirs] = await call(caller, callee, target);
      const [own, peer] = [portOf(caller, protocol), portOf(callee, protocol)];
      const transport = protocol === 'udp' ? '' : `;transport=${protocol}`;
      expect(via).toMatch(new RegExp(`^SIP/2.0/${protocol.toUpperCase()} \\[::1\\]:${own};branch=`));
      expect([contact, theirs]).toEqual([
        `<sip:[::1]:${own}${transport}>`,
        `<sip:[::1]:${peer}${transport}>`,
      ]);
      // A bracketed address is as good.
      expect(
        (await caller.request(new SipRequest('OPTIONS', 'sip:x@[::1]'), { ...target, host: '[::1]' })).status,
      ).toBe(200);
    },
  );

  it('RFC 3581: answers go where the request came from, and `received` needs no brackets', async () => {
    const stack = await started([{ protocol: 'udp', host: loopback, port: 0 }]);
    const socket = createSocket('udp6').bind(0, loopback);
    open.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    await once(socket, 'listening');
    const request = new SipRequest('OPTIONS', 'sip:a@[::1]', {
      headers: [
        ['Via', 'SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bKsix;rport'],
        ['Max-Forwards', '70'],
        ['From', '<sip:a@[2001:db8::9]>;tag=1'],
        ['To', '<sip:a@[::1]>'],
        ['Call-ID', 'six'],
        ['CSeq', '1 OPTIONS'],
      ],
    });
    socket.send(serializeMessage(request), portOf(stack, 'udp'), loopback);
    const [bytes] = (await once(socket, 'message')) as [Buffer];
    const parsed = parseMessage(bytes);
    const via = parsed.ok ? parsed.message.headers.get('Via') : undefined;
    expect(via).toContain('UDP [2001:db8::9]:5060;');
    expect(via).toContain('received=::1');
    expect(via).toContain(`rport=${socket.address().port}`);
  });

  it('listens on several addresses of both families, each with its own name', async () => {
    const several = [
      { protocol: 'udp', host: '127.0.0.1', port: 0, advertisedHost: 'four.example' },
      { protocol: 'udp', host: loopback, port: 0, advertisedHost: '[2001:db8::5]' },
      { protocol: 'tcp', host: '127.0.0.1', port: 0, advertisedHost: 'four.example' },
      { protocol: 'tcp', host: loopback, port: 0 },
    ] as const;
    const caller = await started([...several]);
    const callee = await started([
      { protocol: 'udp', host: '127.0.0.1', port: 0 },
      { protocol: 'udp', host: loopback, port: 0 },
      { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      { protocol: 'tcp', host: loopback, port: 0 },
    ]);
    const vias: string[] = [];
    callee.on('request', ({ request }) => {
      vias.push(request.headers.get('Via') ?? '');
      return false;
    });
    for (const { protocol, host } of several) {
      const target = { protocol, host, port: portOf(callee, protocol, host) };
      expect((await caller.request(new SipRequest('OPTIONS', 'sip:x@y'), target)).status).toBe(200);
    }
    const hosts = vias.map((via) => /^SIP\/2\.0\/\w+ (.+?):\d+;/.exec(via)?.[1]);
    expect(hosts).toEqual(['four.example', '[2001:db8::5]', 'four.example', '[::1]']);
  });

  it('0.0.0.0 and :: stand side by side on one port', async () => {
    const first = await started([{ protocol: 'udp', host: '0.0.0.0', port: 0 }]);
    const { port } = first.addresses[0]!;
    const second = await started([{ protocol: 'udp', host: '::', port }]);
    const other = await started([{ protocol: 'udp', host: loopback, port: 0 }]);
    const target = { protocol: 'udp', host: loopback, port } as const;
    expect((await other.request(new SipRequest('OPTIONS', 'sip:x@y'), target)).status).toBe(200);
    expect([first.counters.received, second.counters.received]).toEqual([0, 1]);
  });
});
