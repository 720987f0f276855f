import { SipRequest } from '@ringthrough/sip';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { EdgeProxy } from './testing/edge-proxy.ts';
import { closeWorld, createWorld, onlyRow, world } from './testing/scenes.ts';
import type { TestDevice } from './testing/test-peers.ts';

const server = { host: '10.0.0.1', port: 5060 };
let edges: [EdgeProxy, EdgeProxy];
let cseq = 0;

beforeEach(async () => {
  await createWorld();
  edges = [
    await EdgeProxy.open(world.network, '10.0.9.1', server),
    await EdgeProxy.open(world.network, '10.0.9.2', server),
  ];
});

afterEach(async () => {
  await closeWorld();
  for (const edge of edges) await edge.close();
});

/** The device registers through an edge proxy; with a flow, as RFC 5626 says. */
async function register(
  device: TestDevice,
  edge: EdgeProxy,
  regId?: number,
  host = '192.168.1.7',
  expires = 300,
): Promise<void> {
  const user = device.id.replace('device', 'd');
  cseq += 2;
  const flow = regId === undefined ? '' : `;+sip.instance="<urn:uuid:${user}>";reg-id=${regId}`;
  const request = new SipRequest('REGISTER', 'sip:localhost', {
    headers: [
      ['From', `<sip:${user}@localhost>`],
      ['To', `<sip:${user}@localhost>`],
      ['Call-ID', `reg-${user}-${regId}`],
      ['CSeq', `${cseq} REGISTER`],
      ['Contact', `<sip:${user}@${host}:5060>${flow}`],
      ['Supported', 'path, outbound'],
      ['Expires', String(expires)],
    ],
  });
  const credentials = { username: user, password: `secret of ${device.id}` };
  const answered = device.stack.request(request, { protocol: 'udp', ...edge.address }, { credentials });
  expect((await world.wait(answered)).status).toBe(200);
}

const methods = (edge: EdgeProxy) => edge.forwarded.map(({ method }) => method);

describe('RFC 3327 5.4: a device behind an edge proxy', () => {
  it.each(['caller', 'device'])('rings, talks and is hung up through it: %s hangs up', async (who) => {
    const device = await world.device({ register: false });
    await register(device, edges[0]);
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    device.call.progress(180);
    await world.until('the caller hears it', () => caller.statuses.includes(180));
    device.answer();
    await world.until('they talk', () => caller.final?.status === 200);
    await world.pass(1_000);
    if (who === 'caller') caller.session.bye();
    else device.call.bye();
    await world.settled();
    expect(methods(edges[0])).toEqual(who === 'caller' ? ['INVITE', 'ACK', 'BYE'] : ['INVITE', 'ACK']);
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', answered_device_id: device.id });
  });

  it('is cancelled through it', async () => {
    const device = await world.device({ register: false });
    await register(device, edges[0]);
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    device.call.progress(180);
    await world.until('the caller hears it', () => caller.statuses.includes(180));
    caller.session.cancel();
    await world.settled();
    expect(methods(edges[0])).toEqual(['INVITE', 'CANCEL', 'ACK']);
    expect(device.reasons).toEqual(['SIP;cause=487;text="Originator cancelled"']);
  });

  it('may hear itself, when it proves who it is; nobody else behind there gets anywhere', async () => {
    const device = await world.device({ register: false });
    const call = (password: string) => {
      const request = new SipRequest('INVITE', 'sip:echo@localhost', {
        headers: [
          ['From', '<sip:d1@localhost>'],
          ['To', '<sip:echo@localhost>'],
        ],
        body: fakeSdp('d1'),
      });
      const session = device.stack.invite({
        request,
        target: { protocol: 'udp', ...edges[0].address },
        credentials: { username: 'd1', password },
      });
      const seen: number[] = [];
      session.on('accepted', ({ status }) => seen.push(status));
      session.on('rejected', ({ status }) => seen.push(status));
      return { session, seen };
    };
    const wrong = call('wrong');
    await world.until('it is refused', () => wrong.seen.length === 1);
    expect(wrong.seen).toEqual([407]);
    const right = call('secret of device1');
    await world.until('it is answered', () => right.seen.length === 1);
    expect(right.seen).toEqual([200]);
    right.session.bye();
    await world.settled();
  });
});

describe('RFC 5626 5.3: a device with two flows', () => {
  it('rings once', async () => {
    const device = await world.device({ register: false });
    await register(device, edges[0], 1);
    await register(device, edges[1], 2);
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    // It keeps its flows alive meanwhile.
    await register(device, edges[0], 1);
    await register(device, edges[1], 2);
    await world.pass(3_000);
    expect([device.calls.length, methods(edges[0]), methods(edges[1])]).toEqual([1, ['INVITE'], []]);
    device.answer();
    await world.until('they talk', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
  });

  it.each([
    [1, 2],
    [2, 1],
  ])(
    'with contacts of their own: flow %i rings, and flow %i that comes then does not',
    async (first, then) => {
      const device = await world.device({ register: false });
      await register(device, edges[0], first, '192.168.1.7');
      const caller = world.dial();
      await world.until('it rings', () => device.calls.length === 1);
      device.call.progress(180);
      await register(device, edges[1], then, '192.168.1.8');
      await world.pass(3_000);
      expect([device.calls.length, methods(edges[0]), methods(edges[1])]).toEqual([1, ['INVITE'], []]);
      // Another contact of the device goes: the flow that rings is still there.
      await register(device, edges[1], undefined, '192.168.1.9');
      await world.until('that rings, too', () => device.calls.length === 2);
      await register(device, edges[1], undefined, '192.168.1.9', 0);
      await world.pass(1_000);
      expect(methods(edges[0])).toEqual(['INVITE']);
      expect(methods(edges[1])).toEqual(['INVITE', 'CANCEL', 'ACK']);
      caller.session.cancel();
      await world.settled();
    },
  );

  it('430: rings through the other one', async () => {
    const device = await world.device({ register: false });
    await register(device, edges[0], 1);
    await register(device, edges[1], 2);
    edges[0].flowsFailed = true;
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    expect([methods(edges[0]), methods(edges[1])]).toEqual([[], ['INVITE']]);
    device.answer();
    await world.until('they talk', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(methods(edges[1])).toEqual(['INVITE', 'ACK', 'BYE']);
    expect(await onlyRow()).toMatchObject({ outcome: 'answered' });
  });

  it('an edge proxy that is gone: rings through the other one', async () => {
    const device = await world.device({ register: false });
    await register(device, edges[0], 1);
    await register(device, edges[1], 2);
    world.network.cut(edges[0].address.host);
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1, 5_000);
    expect(methods(edges[1])).toEqual(['INVITE']);
    // What the first one forwards after all is cancelled.
    world.network.mend(edges[0].address.host);
    await world.pass(3_000);
    device.answer();
    await world.until('they talk', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(device.calls.filter(({ state }) => state !== 'terminated')).toEqual([]);
    expect(methods(edges[0])).toEqual(['INVITE', 'CANCEL', 'ACK']);
    expect(await onlyRow()).toMatchObject({ outcome: 'answered' });
  });

  it('430 through both: nobody is there', async () => {
    const device = await world.device({ register: false });
    await register(device, edges[0], 1);
    await register(device, edges[1], 2);
    for (const edge of edges) edge.flowsFailed = true;
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(device.calls).toEqual([]);
  });
});
