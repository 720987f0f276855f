import { afterEach, beforeEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';

const server = { host: '192.0.2.1', port: 5060 };
let clock: VirtualClock;
let stack: SipStack;
let proxy: RawPeer;
let invites: number;

beforeEach(async () => {
  clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  stack = new SipStack({
    userAgent: 'server',
    clock,
    network: network.host(server.host),
    listeners: [{ protocol: 'udp', ...server }],
  });
  invites = 0;
  stack.on('invite', (session) => {
    invites += 1;
    session.reject(486);
  });
  await stack.start();
  proxy = await RawPeer.bind(network, { host: '192.0.2.2', port: 5060 }, server);
});

afterEach(async () => {
  await clock.advance(100_000);
  await stack.close();
  await proxy.close();
});

it('RFC 3261 16.3: an INVITE of ours that comes back through a proxy is refused with 482, and rings nobody', async () => {
  const request = new SipRequest('INVITE', 'sip:x@192.0.2.2', { body: 'v=0' });
  const session = stack.invite({ request, target: { protocol: 'udp', host: '192.0.2.2', port: 5060 } });
  await clock.advance(10);
  const sent = proxy.lastRequest('INVITE');
  const back = new SipRequest('INVITE', `sip:service@${server.host}`, {
    headers: [...sent.headers.entries()],
    body: sent.body,
  });
  back.headers.prepend('Via', 'SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKproxy');
  proxy.send(back);
  await clock.advance(10);
  expect([invites, proxy.lastResponse(482).headers.get('CSeq')]).toEqual([0, sent.headers.get('CSeq')]);
  proxy.respond(sent, 482, { To: `${sent.headers.get('To')};tag=p` });
  await clock.advance(10);
  expect(session.state).toBe('terminated');
});

it.each([
  ['of another process with our address', 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsomebody'],
  ['of the caller', 'SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKcaller'],
])('and one with a Via %s below is an ordinary one', async (_title, below) => {
  const invite = proxy.request('INVITE', {}, 'v=0');
  invite.headers.add('Via', below);
  proxy.send(invite);
  await clock.advance(10);
  expect(invites).toBe(1);
});
