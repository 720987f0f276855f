import { afterEach, beforeEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { MemoryNetwork, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { UacSession, UasSession } from './types.ts';

let clock: VirtualClock;
let network: MemoryNetwork;
let carrier: SipStack;
let server: SipStack;

async function stackAt(ip: string): Promise<SipStack> {
  const listeners = [
    { protocol: 'tcp' as const, host: ip, port: 5060 },
    { protocol: 'tls' as const, host: ip, port: 5061 },
  ];
  const tls = { cert: '', key: '' };
  const stack = new SipStack({ userAgent: ip, clock, network: network.host(ip), listeners, tls });
  await stack.start();
  return stack;
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  carrier = await stackAt('192.0.2.1');
  server = await stackAt('192.0.2.2');
});

afterEach(async () => {
  await clock.advance(100_000);
  expect([carrier.stats().dialogs, server.stats().dialogs]).toEqual([0, 0]);
  await carrier.close();
  await server.close();
  await clock.advance(2_000);
  expect(clock.pending).toBe(0);
});

async function call(
  protocol: 'tcp' | 'tls',
  contact?: string,
): Promise<{ uac: UacSession; uas: UasSession; ends: string[] }> {
  const ends: string[] = [];
  let uas: UasSession | undefined;
  server.on('invite', (session) => {
    uas = session;
    session.on('ended', ({ by }) => ends.push(`uas ${by}`));
    session.accept({ sdp: 'v=0' });
  });
  const request = new SipRequest('INVITE', 'sip:b@192.0.2.2', { body: 'v=0' });
  if (contact !== undefined) request.headers.add('Contact', contact);
  const port = protocol === 'tcp' ? 5060 : 5061;
  const uac = carrier.invite({ request, target: { protocol, host: '192.0.2.2', port } });
  uac.on('ended', ({ by }) => ends.push(`uac ${by}`));
  await clock.advance(100);
  if (!uas) throw new Error('no call came');
  return { uac, uas, ends };
}

it.each(['tcp', 'tls'] as const)(
  'a call outlives the %s connection of a peer that can be called back, and uses a new one',
  async (protocol) => {
    const { uac, uas, ends } = await call(protocol);
    const first = uas.flow.id;
    uas.flow.close();
    await clock.advance(60_000);
    expect([ends, carrier.stats().flows, server.stats().flows]).toEqual([[], 0, 0]);
    const asked = uas.sendRequest('INFO');
    await clock.advance(100);
    expect((await asked).status).toBe(200);
    expect(uac.flow?.protocol).toBe(protocol);
    expect(uac.flow?.id).not.toBe(first);
    uac.bye();
    await clock.advance(100);
    expect(ends).toEqual(['uac us', 'uas peer']);
  },
);

it.each([['<sip:a@10.1.1.1:5060;transport=tcp>'], ['<sip:a@x.invalid;transport=ws>']])(
  'a call from %s, where nobody can be called, ends some time after its connection',
  async (contact) => {
    const { uas, uac, ends } = await call('tcp', contact);
    uas.flow.close();
    await clock.advance(29_000);
    expect(ends).toEqual([]);
    await clock.advance(2_000);
    expect(ends).toEqual(['uas transport']);
    uac.bye();
  },
);
