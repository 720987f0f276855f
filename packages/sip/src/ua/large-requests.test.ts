import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import type { Target } from '../transport/types.ts';
import { SipStack } from './sip-stack.ts';

let clock: VirtualClock;
let network: MemoryNetwork;
let caller: SipStack;
let flows: string[];
const stacks: SipStack[] = [];

async function stackAt(ip: string, protocols: ReadonlyArray<'udp' | 'tcp'>): Promise<SipStack> {
  const listeners = protocols.map((protocol) => ({ protocol, host: ip, port: 5060 }));
  const stack = new SipStack({ userAgent: ip, clock, network: network.host(ip), listeners });
  await stack.start();
  stacks.push(stack);
  stack.on('request', ({ flow, request }) => {
    flows.push(`${request.method} ${flow.protocol}`);
    return false;
  });
  return stack;
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  flows = [];
  caller = await stackAt('10.0.0.1', ['udp', 'tcp']);
});

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
  await clock.advance(2_000);
  expect(clock.pending).toBe(0);
});

const peer = { protocol: 'udp', host: '10.0.0.2', port: 5060 } as const;

async function message(size: number, target: Target = peer): Promise<number> {
  const answer = caller.request(
    new SipRequest('MESSAGE', 'sip:b@10.0.0.2', { body: 'x'.repeat(size) }),
    target,
  );
  let status = 0;
  answer.then((response) => (status = response.status)).catch(() => {});
  await clock.until(() => status > 0, 60_000);
  return status;
}

describe('RFC 3261 18.1.1: a request larger than 1300 bytes', () => {
  it('goes over TCP, with TCP in its Via; one byte less does not', async () => {
    await stackAt('10.0.0.2', ['udp']);
    network.tracing = true;
    const size = async (body: number) => {
      network.trace.length = 0;
      await message(body);
      return network.trace.find(({ from }) => from.host === '10.0.0.1')?.bytes.length;
    };
    // Every later one would go over UDP once TCP has been refused: so the other peer has TCP.
    const small = (await size(100))!;
    const [callee] = [await stackAt('10.0.0.3', ['udp', 'tcp'])];
    const target = { ...peer, host: '10.0.0.3' };
    const vias: string[] = [];
    callee!.on('request', ({ request }) => {
      vias.push(request.headers.get('Via')!.split(' ')[0]!);
      return false;
    });
    flows = [];
    // A body of more than 999 bytes has one more digit in Content-Length.
    const limit = 1_300 - (small - 100) - (1_300 - (small - 100) > 999 ? 1 : 0);
    expect(await message(limit, target)).toBe(405);
    expect(await message(limit + 1, target)).toBe(405);
    expect(flows).toEqual(['MESSAGE udp', 'MESSAGE tcp']);
    expect(vias).toEqual(['SIP/2.0/UDP', 'SIP/2.0/TCP']);
  });

  it('a whole call with a large offer runs over the connection', async () => {
    const callee = await stackAt('10.0.0.2', ['udp', 'tcp']);
    let ended = '';
    callee.on('invite', (session) => {
      flows.push(`INVITE ${session.flow.protocol} ${session.request.headers.get('Contact')}`);
      session.on('ended', ({ by }) => (ended = by));
      session.accept({ sdp: 'v=0' });
    });
    const request = new SipRequest('INVITE', 'sip:b@10.0.0.2', { body: `v=0${' '.repeat(2_000)}` });
    const session = caller.invite({ request, target: peer });
    await clock.advance(100);
    expect(session.state).toBe('accepted');
    const info = session.sendRequest('INFO');
    await clock.advance(100);
    expect((await info).status).toBe(200);
    session.bye();
    await clock.advance(100);
    expect([ended, flows]).toEqual(['peer', ['INVITE tcp <sip:10.0.0.1:5060;transport=tcp>']]);
    await clock.advance(40_000);
  });

  it('is cancelled over the connection', async () => {
    const callee = await stackAt('10.0.0.2', ['udp', 'tcp']);
    const seen: string[] = [];
    callee.on('invite', (session) => {
      session.on('cancelled', () => seen.push('cancelled'));
      session.progress(180);
    });
    const request = new SipRequest('INVITE', 'sip:b@10.0.0.2', { body: `v=0${' '.repeat(2_000)}` });
    const session = caller.invite({ request, target: peer });
    session.on('rejected', ({ status }) => seen.push(`rejected ${status}`));
    await clock.advance(100);
    session.cancel();
    await clock.advance(100);
    expect(seen).toEqual(['cancelled', 'rejected 487']);
    await clock.advance(40_000);
  });

  it('goes over UDP where TCP is refused, and that is remembered for ten minutes', async () => {
    await stackAt('10.0.0.2', ['udp']);
    const connects: number[] = [];
    const before = clock.now();
    expect(await message(2_000)).toBe(405);
    expect(clock.now() - before).toBeLessThan(100);
    expect(caller.counters.transportErrors).toBe(1);
    for (const wait of [0, 599_000, 2_000]) {
      await clock.advance(wait);
      const flowsBefore = clock.now();
      await message(2_000);
      connects.push(clock.now() - flowsBefore);
    }
    // There and back, without and with the refusal before it.
    expect(connects).toEqual([2, 2, 3]);
    expect(flows).toEqual(['MESSAGE udp', 'MESSAGE udp', 'MESSAGE udp', 'MESSAGE udp']);
  });

  it('goes over UDP two seconds later where TCP is swallowed', async () => {
    await stackAt('10.0.0.2', ['udp', 'tcp']);
    network.cut('10.0.0.2');
    const before = clock.now();
    const sent = message(2_000);
    await clock.until(() => caller.counters.sent > 1);
    expect(clock.now() - before).toBe(2_000);
    network.mend('10.0.0.2');
    expect([await sent, flows]).toEqual([405, ['MESSAGE udp']]);
  });

  it('does not go over UDP a second time when the connection was open', async () => {
    const callee = await stackAt('10.0.0.2', ['udp', 'tcp']);
    callee.on('request', ({ flow }) => {
      flow.close();
      return true;
    });
    expect(await message(2_000)).toBe(503);
    await clock.advance(40_000);
    expect(flows).toEqual(['MESSAGE tcp']);
  });

  it('stays on the flow that it is bound to, or where we listen on UDP alone', async () => {
    await stackAt('10.0.0.2', ['udp', 'tcp']);
    expect(await message(2_000, { ...peer, bound: true })).toBe(405);
    caller = await stackAt('10.0.0.4', ['udp']);
    expect(await message(2_000)).toBe(405);
    expect(flows).toEqual(['MESSAGE udp', 'MESSAGE udp']);
  });

  it('an answer to a large request over UDP stays on UDP', async () => {
    const raw = await RawPeer.bind(
      network,
      { host: '10.0.0.9', port: 5060 },
      { host: '10.0.0.1', port: 5060 },
    );
    raw.send(raw.request('MESSAGE', {}, 'x'.repeat(2_000)));
    await clock.advance(100);
    expect(raw.news()).toEqual(['405 MESSAGE']);
    await raw.close();
  });
});
