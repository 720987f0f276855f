import { afterEach, beforeEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { Scene } from './session-scene.testing.ts';

let scene: Scene;
let invite: SipRequest;

beforeEach(async () => {
  scene = await Scene.open();
  const request = new SipRequest('INVITE', 'sip:x@10.0.0.2', { body: 'v=0' });
  scene.watch(scene.stack.invite({ request, target: { protocol: 'udp', host: '10.0.0.2', port: 5070 } }));
  await scene.clock.advance(10);
  invite = scene.peer.lastRequest('INVITE');
});
afterEach(async () => {
  await scene.clock.advance(64_000);
  await scene.close();
});

const to = (tag: string) => `${invite.headers.get('To')};tag=${tag}`;
async function answers(status: number, tags: number): Promise<void> {
  for (let n = 0; n < tags; n++) scene.peer.respond(invite, status, { To: to(`t${n}`) }, 'v=0');
  await scene.clock.advance(10);
}
const bye = (tag: string, sequence: number) =>
  scene.asks('BYE', sequence, {
    From: to(tag),
    To: invite.headers.get('From') ?? '',
    'Call-ID': invite.headers.get('Call-ID') ?? '',
  });

it('a callee that rings under ever more tags has few dialogs', async () => {
  await answers(180, 500);
  expect(scene.stack.stats().dialogs).toBe(64);
  await answers(200, 1);
  expect(scene.stack.stats().dialogs).toBe(1);
  expect(scene.session.state).toBe('accepted');
});

it('a callee that answers under ever more tags is hung up a few times', async () => {
  await answers(200, 500);
  expect(scene.peer.news().filter((what) => what === 'ACK')).toHaveLength(64);
  expect(scene.stack.stats().clientTransactions).toBeLessThanOrEqual(64);
  await bye('t0', 1);
  expect(scene.heard).toEqual(['accepted 200', 'ended peer']);
});

it('section 15: a callee that says BYE before it answers has a call that it can end', async () => {
  await answers(180, 1);
  await bye('t0', 1);
  expect(scene.stack.stats().dialogs).toBe(0);
  await answers(200, 1);
  await bye('t0', 2);
  expect(scene.heard).toEqual(['provisional 180', 'accepted 200', 'ended peer']);
  expect(scene.peer.news()).toEqual(['INVITE', '200 BYE', 'ACK', '200 BYE']);
});
