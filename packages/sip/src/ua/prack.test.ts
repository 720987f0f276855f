import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SipRequest, type SipResponse } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { ReliableProvisional, UacSession, UasSession } from './types.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
const here = { host: '10.0.0.1', port: 5060 };
const there = { host: '10.0.0.2', port: 5070 };
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let peer: RawPeer;
let events: string[];
let session: UasSession;

async function start(policy: ReliableProvisional | undefined): Promise<void> {
  stack = new SipStack({
    userAgent: 'test',
    clock,
    network: network.host(here.host),
    listeners: [{ protocol: 'udp', ...here }],
    ...(policy && { reliableProvisional: policy }),
  });
  await stack.start();
  peer = await RawPeer.bind(network, there, here);
  stack.on('invite', (incoming) => {
    session = incoming;
    incoming.on('cancelled', ({ method }) => events.push(`cancelled ${method}`));
    incoming.on('confirmed', () => events.push('confirmed'));
    incoming.on('ended', ({ by }) => events.push(`ended ${by}`));
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  events = [];
});

afterEach(async () => {
  await clock.advance(200_000);
  expect(stack.stats()).toEqual(zero);
  expect(stack.counters.listenerErrors).toBe(0);
  await stack.close();
  expect(clock.pending).toBe(0);
});

const via = (branch: string) => `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK${branch};rport`;
const rseq = (response: SipResponse) => Number(response.headers.get('RSeq'));
let pracks = 0;

async function invited(headers: Record<string, string>, body = 'v=0'): Promise<void> {
  peer.send(peer.request('INVITE', headers, body));
  await clock.advance(10);
}

async function prack(response: SipResponse, more: Record<string, string> = {}, body = ''): Promise<void> {
  const headers = {
    To: response.headers.get('To') ?? '',
    RAck: `${rseq(response)} 1 INVITE`,
    CSeq: `${++pracks + 1} PRACK`,
    Via: via(`prack${pracks}`),
    ...more,
  };
  peer.send(peer.request('PRACK', headers, body));
  await clock.advance(10);
}

async function acknowledge(): Promise<void> {
  const To = peer.lastResponse(200).headers.get('To') ?? '';
  peer.send(peer.request('ACK', { To, Via: via('ack') }));
  await clock.advance(10);
}

describe('RFC 3262 3: as UAS', () => {
  it.each([
    ['required', { Require: '100rel' }, true],
    ['required', { Supported: '100rel' }, false],
    ['supported', { Supported: 'timer, 100REL' }, true],
    ['supported', {}, false],
    ['required', {}, false],
  ] as const)('policy %s, caller %j: reliable %s', async (policy, headers, reliable) => {
    await start(policy);
    await invited(headers);
    session.progress(180);
    await clock.advance(10);
    const ringing = peer.lastResponse(180);
    expect([ringing.headers.getAll('Require'), ringing.headers.has('RSeq')]).toEqual([
      reliable ? ['100rel'] : [],
      reliable,
    ]);
    if (reliable) await prack(ringing);
    session.reject(486);
  });

  it('8.2.2.3: without the option who requires it gets 420', async () => {
    await start(undefined);
    await invited({ Require: '100rel' });
    expect(peer.news()).toEqual(['420 INVITE']);
  });

  it('repeats at T1, doubled each time, until the PRACK, which gets 200', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    const sentAt = clock.now();
    session.progress(180);
    await clock.advance(8_000);
    const times = peer.times.slice(1).map((time) => Math.round((time - sentAt) / 500));
    expect(times).toEqual([0, 1, 3, 7, 15]);
    const ringing = peer.received.slice(1) as SipResponse[];
    expect(new Set(ringing.map(rseq)).size).toBe(1);
    expect(rseq(ringing[0]!)).toBeGreaterThan(0);
    expect(rseq(ringing[0]!)).toBeLessThan(2 ** 31);
    peer.news();
    await prack(ringing[0]!);
    await clock.advance(40_000);
    expect(peer.news()).toEqual(['200 PRACK']);
    session.accept({ sdp: 'v=0 ours' });
    await clock.advance(10);
    await acknowledge();
    expect(events).toEqual(['confirmed']);
    session.bye();
  });

  it('without a PRACK in 64*T1 the INVITE is refused with 5xx', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(180);
    await clock.advance(33_000);
    expect(peer.news().slice(-1)).toEqual(['504 INVITE']);
    expect(events).toEqual(['cancelled INVITE']);
    await prack(peer.lastResponse(180));
    expect(peer.lastResponse(481).headers.get('CSeq')).toContain('PRACK');
  });

  it('one at a time: the next one waits for the PRACK and has the next RSeq', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(180);
    session.progress(183);
    await clock.advance(10);
    expect(peer.news()).toEqual(['100 INVITE', '180 INVITE']);
    const first = peer.lastResponse(180);
    await prack(first);
    expect(peer.news()).toEqual(['183 INVITE', '200 PRACK']);
    expect(rseq(peer.lastResponse(183))).toBe(rseq(first) + 1);
    await prack(peer.lastResponse(183));
    session.reject(480);
  });

  it('a PRACK that fits nothing gets 481 and stops nothing', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(180);
    await clock.advance(10);
    const ringing = peer.lastResponse(180);
    peer.news();
    await prack(ringing, { RAck: `${rseq(ringing) + 1} 1 INVITE` });
    await prack(ringing, { RAck: `${rseq(ringing)} 2 INVITE` });
    await prack(ringing, { RAck: `${rseq(ringing)} 1 OPTIONS` });
    await prack(ringing, { RAck: 'nonsense' });
    await prack(ringing, { RAck: '' });
    expect(peer.news()).toEqual(Array(5).fill('481 PRACK'));
    await clock.advance(500);
    expect(peer.news()).toEqual(['180 INVITE']);
    await prack(ringing);
    // The same once more, as a new request: nothing waits any longer.
    await prack(ringing);
    expect(peer.news()).toEqual(['200 PRACK', '481 PRACK']);
    session.reject(486);
  });

  it('a 2xx before the PRACK ends the repetition, and the PRACK is taken all the same', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(180);
    session.accept({ sdp: 'v=0 ours' });
    await clock.advance(10);
    await acknowledge();
    await clock.advance(5_000);
    expect(peer.news()).toEqual(['100 INVITE', '180 INVITE', '200 INVITE']);
    await prack(peer.lastResponse(180));
    expect(peer.news()).toEqual(['200 PRACK']);
    session.bye();
  });

  it('a 2xx waits for the PRACK of a response with a session description', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(183, { body: 'v=0 early' });
    session.accept({ sdp: 'v=0 early' });
    await clock.advance(10);
    expect([peer.news(), session.state]).toEqual([['100 INVITE', '183 INVITE'], 'early']);
    await prack(peer.lastResponse(183));
    expect([peer.news(), session.state]).toEqual([['200 PRACK', '200 INVITE'], 'accepted']);
    await acknowledge();
    session.bye();
  });

  it('CANCEL and a refusal end the repetition', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(180);
    await clock.advance(10);
    peer.news();
    peer.send(peer.request('CANCEL'));
    await clock.advance(10);
    expect(peer.news()).toEqual(['200 CANCEL', '487 INVITE']);
    peer.send(peer.request('ACK', { To: peer.lastResponse(487).headers.get('To') ?? '' }));
    await clock.advance(40_000);
    expect([peer.news(), events]).toEqual([[], ['cancelled CANCEL']]);
  });

  it('13.3.1.1: what is said again each minute has an RSeq of its own', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(180);
    await clock.advance(10);
    const first = peer.lastResponse(180);
    await prack(first);
    await clock.advance(60_000);
    expect(rseq(peer.lastResponse(180))).toBe(rseq(first) + 1);
    await prack(peer.lastResponse(180));
    session.reject(480);
  });

  it('5: to a caller without an offer, nothing without ours is sent reliably', async () => {
    await start('supported');
    await invited({ Require: '100rel' }, '');
    session.progress(180);
    await clock.advance(10);
    expect(peer.news()).toEqual(['100 INVITE']);
    session.progress(183, { body: 'v=0 offer' });
    await clock.advance(10);
    session.on('request', (incoming) => {
      events.push(Buffer.from(incoming.request.body).toString());
      incoming.respond(200);
    });
    await prack(peer.lastResponse(183), {}, 'v=0 answer');
    expect([peer.news(), events]).toEqual([['183 INVITE', '200 PRACK'], ['v=0 answer']]);
    session.reject(480);
  });

  it('5: an offer in a PRACK that nobody takes gets 488, and the response is acknowledged', async () => {
    await start('required');
    await invited({ Require: '100rel' });
    session.progress(183, { body: 'v=0 early' });
    await clock.advance(10);
    await prack(peer.lastResponse(183), {}, 'v=0 another offer');
    await clock.advance(40_000);
    expect(peer.news()).toEqual(['100 INVITE', '183 INVITE', '488 PRACK']);
    session.reject(480);
  });
});

describe('RFC 3262 4: as UAC', () => {
  async function call(body = 'v=0 ours'): Promise<UacSession> {
    const request = new SipRequest('INVITE', 'sip:bob@10.0.0.2:5070', { body });
    const uac = stack.invite({ request, target: { protocol: 'udp', ...there } });
    uac.on('provisional', ({ status }) => events.push(String(status)));
    uac.on('accepted', ({ status }) => events.push(`accepted ${status}`));
    uac.on('rejected', ({ status }) => events.push(`rejected ${status}`));
    await clock.advance(10);
    return uac;
  }
  const reliable = (sequence: number) => ({ Require: '100rel', RSeq: String(sequence) });
  async function respond(status: number, tag: string, more: Record<string, string> = {}, body = '') {
    const To = `<sip:bob@10.0.0.2:5070>;tag=${tag}`;
    peer.respond(peer.lastRequest('INVITE'), status, { To, ...more }, body);
    await clock.advance(10);
  }
  const acceptPrack = () => peer.respond(peer.lastRequest('PRACK'), 200);

  it('acknowledges in the early dialog: its target, its tag, the next CSeq', async () => {
    await start('required');
    const uac = await call();
    expect(peer.lastRequest('INVITE').headers.getAll('Supported')).toEqual(['100rel']);
    await respond(180, 'a', { ...reliable(7), Contact: '<sip:bob-phone@10.0.0.2:5070>' });
    const request = peer.lastRequest('PRACK');
    expect([request.uri, request.headers.get('RAck'), request.headers.get('CSeq')]).toEqual([
      'sip:bob-phone@10.0.0.2:5070',
      '7 1 INVITE',
      '2 PRACK',
    ]);
    expect(request.headers.get('To')).toContain(';tag=a');
    acceptPrack();
    await respond(200, 'a', {}, 'v=0 answer');
    expect([events, uac.answer]).toEqual([['180', 'accepted 200'], 'v=0 answer']);
    uac.bye();
    await clock.advance(10);
    expect(peer.news()).toEqual(['INVITE', 'PRACK', 'ACK', 'BYE']);
    expect(peer.lastRequest('BYE').headers.get('CSeq')).toBe('3 BYE');
  });

  it('a repeated one is neither acknowledged nor told again; one with a gap before it has to come again', async () => {
    await start('required');
    await call();
    await respond(180, 'a', reliable(7));
    acceptPrack();
    await respond(180, 'a', reliable(7));
    await respond(183, 'a', reliable(9));
    expect([peer.news(), events]).toEqual([['INVITE', 'PRACK'], ['180']]);
    await respond(183, 'a', reliable(8));
    expect(peer.lastRequest('PRACK').headers.get('RAck')).toBe('8 1 INVITE');
    acceptPrack();
    expect(events).toEqual(['180', '183']);
    await respond(486, 'a');
    expect(events).toEqual(['180', '183', 'rejected 486']);
  });

  it('several early dialogs of one INVITE count for themselves; the one that answers is confirmed', async () => {
    await start('required');
    const uac = await call();
    await respond(180, 'a', reliable(1_000));
    acceptPrack();
    await respond(183, 'b', reliable(5), 'v=0 of b');
    const request = peer.lastRequest('PRACK');
    expect([request.headers.get('RAck'), request.headers.get('CSeq')]).toEqual(['5 1 INVITE', '2 PRACK']);
    expect(request.headers.get('To')).toContain(';tag=b');
    acceptPrack();
    // 13.2.1: the answer came reliably, the 2xx need not repeat it.
    await respond(200, 'b');
    expect([uac.state, uac.answer]).toEqual(['accepted', 'v=0 of b']);
    expect(peer.news()).toEqual(['INVITE', 'PRACK', 'PRACK', 'ACK']);
    uac.bye();
  });

  it('a response that is not reliable gets no PRACK, nor does one without a usable RSeq', async () => {
    await start('required');
    const uac = await call();
    await respond(180, 'a', { RSeq: '1' });
    await respond(183, 'a', { Require: '100rel' });
    await respond(182, 'a', { Require: '100rel', RSeq: '0' });
    expect([peer.news(), events]).toEqual([['INVITE'], ['180', '183', '182']]);
    uac.cancel();
    await clock.advance(10);
    peer.respond(peer.lastRequest('CANCEL'), 200);
    await respond(487, 'a');
  });

  it('a PRACK that is never answered, or refused, leaves the INVITE to the callee', async () => {
    await start('required');
    await call();
    await respond(180, 'a', reliable(1));
    peer.respond(peer.lastRequest('PRACK'), 481);
    await respond(183, 'a', reliable(2));
    await clock.advance(40_000);
    expect(events).toEqual(['180', '183']);
    await respond(504, 'a');
    expect(events).toEqual(['180', '183', 'rejected 504']);
  });

  it('5: an INVITE without an offer does not ask for what would want an answer in the PRACK', async () => {
    await start('required');
    const uac = await call('');
    expect(peer.lastRequest('INVITE').headers.has('Supported')).toBe(false);
    uac.cancel();
    await respond(486, 'a');
  });
});

it.each([0, 0.3])(
  'two stacks, %d of the packets lost: rung reliably, answered, and nothing is left',
  async (loss) => {
    network = new MemoryNetwork({
      clock,
      seed: 7,
      conditions: { loss, delayMs: [1, 50], duplicate: loss / 3 },
    });
    await start('supported');
    const far = new SipStack({
      userAgent: 'far',
      clock,
      network: network.host('10.0.0.3'),
      listeners: [{ protocol: 'udp', host: '10.0.0.3', port: 5060 }],
      reliableProvisional: 'supported',
    });
    await far.start();
    const heard: string[][] = [];
    for (let n = 0; n < 20; n++) {
      const request = new SipRequest('INVITE', 'sip:us@10.0.0.1', { body: 'v=0' });
      const uac = far.invite({ request, target: { protocol: 'udp', ...here } });
      const seen: string[] = [];
      heard.push(seen);
      uac.on('provisional', ({ status }) => seen.push(String(status)));
      uac.on('accepted', () => {
        seen.push('accepted');
        uac.bye();
      });
    }
    stack.on('invite', (incoming) => {
      incoming.progress(180);
      incoming.progress(183, { body: 'v=0 early' });
      incoming.accept({ sdp: 'v=0 early' });
    });
    await clock.advance(200_000);
    for (const seen of heard) expect(seen).toEqual(['180', '183', 'accepted']);
    expect(far.stats()).toEqual(zero);
    await far.close();
  },
);
