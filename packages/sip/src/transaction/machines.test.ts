import { describe, expect, it } from 'vitest';
import { SipRequest, SipResponse } from '../message/index.ts';
import type { ClientInput } from './invite-client-transaction.ts';
import { InviteClientTransaction } from './invite-client-transaction.ts';
import type { ServerInput } from './invite-server-transaction.ts';
import { InviteServerTransaction } from './invite-server-transaction.ts';
import type { Output, TimerName } from './machine.ts';
import { NonInviteClientTransaction } from './non-invite-client-transaction.ts';
import { NonInviteServerTransaction } from './non-invite-server-transaction.ts';

const timers = { t1: 500, t2: 4_000, t4: 5_000, timerD: 32_000 };
const start = 1_000;

const requestOf = (method: string, tag = '') =>
  new SipRequest(method, 'sip:bob@biloxi.example', {
    headers: [
      ['Via', 'SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKkjshdyff'],
      ['Via', 'SIP/2.0/UDP further.example;branch=z9hG4bKother'],
      ['Route', '<sip:proxy.example;lr>'],
      ['From', 'Alice <sip:alice@atlanta.example>;tag=88sja8x'],
      ['To', `Bob <sip:bob@biloxi.example>${tag}`],
      ['Call-ID', '987asjd97y7atg'],
      ['CSeq', `986759 ${method}`],
    ],
  });
const responseOf = (status: number) =>
  new SipResponse(status, 'x', { headers: [['To', 'Bob <sip:bob@biloxi.example>;tag=314159']] });

/** An output in short: `send INVITE`, `resend 486`, `arm A 1500`, `cancel B`, `response 180`, `finished`. */
function short(output: Output): string {
  switch (output.type) {
    case 'send': {
      const { message } = output;
      return `${output.retransmission ? 'resend' : 'send'} ${message.kind === 'request' ? message.method : message.status}`;
    }
    case 'arm':
      return `arm ${output.timer} ${output.at - start}`;
    case 'cancel':
      return `cancel ${output.timer}`;
    case 'notify':
      if (output.event === 'response') return `response ${output.response.status}`;
      return output.event === 'ack' ? 'ack' : output.event;
    case 'finished':
      return 'finished';
  }
}

/** When a timer was armed for. */
function armedAt(outputs: Output[], name: TimerName): number {
  for (const output of outputs) if (output.type === 'arm' && output.timer === name) return output.at;
  throw new Error(`timer ${name} was not armed`);
}

interface Machine<Input> {
  readonly state: string;
  handle(input: Input, now: number): Output[];
}

type Step<Input> = [input: Input, after: number];

/** Brings a machine into a state by inputs, then tells what one more input does. */
function table<Input>(make: (reliable: boolean) => Machine<Input>, ways: Record<string, Step<Input>[]>) {
  return (reliable: boolean, way: string, input: Input, at = 0) => {
    const machine = make(reliable);
    for (const [before, after] of ways[way]!) machine.handle(before, start + after);
    const expected = way.split(' ')[0];
    if (expected !== 'New') expect(machine.state).toBe(expected);
    const outputs = machine.handle(input, start + at).map(short);
    return `${outputs.join(', ') || 'nothing'} → ${machine.state}`;
  };
}

const response = (status: number) => ({ type: 'response', response: responseOf(status) }) as const;
const timer = (name: TimerName) => ({ type: 'timer', timer: name }) as const;
const begin = { type: 'start' } as const;
const error = { type: 'transportError' } as const;
const abandon = { type: 'abandon' } as const;
const respond = (status: number) => ({ type: 'respond', response: responseOf(status) }) as const;
const request = (method: string) => ({ type: 'request', request: requestOf(method) }) as const;

describe('RFC 3261 17.1.1 and RFC 6026 7.2: INVITE client transaction', () => {
  const inviteClient = table<ClientInput>(
    (reliable) => new InviteClientTransaction({ request: requestOf('INVITE'), reliable, timers }),
    {
      New: [],
      Calling: [[begin, 0]],
      Proceeding: [
        [begin, 0],
        [response(180), 100],
      ],
      Completed: [
        [begin, 0],
        [response(486), 100],
      ],
      Accepted: [
        [begin, 0],
        [response(200), 100],
      ],
      Terminated: [
        [begin, 0],
        [timer('B'), 32_000],
      ],
    },
  );
  it.each<[string, boolean, string, ClientInput, number, string]>([
    [
      'unreliable: start timer A with a value of T1, and timer B with 64*T1',
      false,
      'New',
      begin,
      0,
      'send INVITE, arm A 500, arm B 32000 → Calling',
    ],
    [
      'reliable: the client transaction SHOULD NOT start timer A',
      true,
      'New',
      begin,
      0,
      'send INVITE, arm B 32000 → Calling',
    ],
    [
      'Calling, timer A: MUST retransmit and reset the timer with 2*T1',
      false,
      'Calling',
      timer('A'),
      500,
      'resend INVITE, arm A 1500 → Calling',
    ],
    [
      'Calling, timer B: SHOULD inform the TU that a timeout has occurred',
      false,
      'Calling',
      timer('B'),
      32_000,
      'cancel A, cancel B, finished, timeout → Terminated',
    ],
    [
      'Calling, 1xx: transitions to Proceeding and SHOULD NOT retransmit any longer',
      false,
      'Calling',
      response(100),
      9,
      'cancel A, cancel B, response 100 → Proceeding',
    ],
    [
      'Calling, 2xx: enters Accepted, timer M',
      false,
      'Calling',
      response(200),
      9,
      'cancel A, cancel B, arm M 32009, response 200 → Accepted',
    ],
    [
      'Calling, 300-699: MUST generate an ACK and enter Completed, timer D at least 32 s',
      false,
      'Calling',
      response(486),
      9,
      'cancel A, cancel B, send ACK, arm D 32009, response 486 → Completed',
    ],
    [
      'Calling, 300-699, reliable: timer D is zero',
      true,
      'Calling',
      response(486),
      9,
      'cancel A, cancel B, send ACK, finished, response 486 → Terminated',
    ],
    [
      'Calling, transport error: TU is informed, Terminated',
      false,
      'Calling',
      error,
      9,
      'cancel A, cancel B, finished, transportError → Terminated',
    ],
    ['Calling, abandoned', false, 'Calling', abandon, 9, 'cancel A, cancel B, finished → Terminated'],
    [
      'Proceeding, 1xx: passed to the TU',
      false,
      'Proceeding',
      response(183),
      200,
      'response 183 → Proceeding',
    ],
    ['Proceeding, 2xx', false, 'Proceeding', response(200), 200, 'arm M 32200, response 200 → Accepted'],
    [
      'Proceeding, 300-699',
      false,
      'Proceeding',
      response(603),
      200,
      'send ACK, arm D 32200, response 603 → Completed',
    ],
    ['Proceeding, a late timer A does nothing', false, 'Proceeding', timer('A'), 500, 'nothing → Proceeding'],
    [
      'Proceeding, a late timer B does nothing',
      false,
      'Proceeding',
      timer('B'),
      32_000,
      'nothing → Proceeding',
    ],
    ['Proceeding, transport error', false, 'Proceeding', error, 200, 'finished, transportError → Terminated'],
    ['Proceeding, abandoned after CANCEL', false, 'Proceeding', abandon, 200, 'finished → Terminated'],
    [
      'Completed, 300-699 again: the ACK is re-passed to the transport layer, not to the TU',
      false,
      'Completed',
      response(486),
      300,
      'resend ACK → Completed',
    ],
    ['Completed, 1xx is absorbed', false, 'Completed', response(180), 300, 'nothing → Completed'],
    ['Completed, 2xx is absorbed', false, 'Completed', response(200), 300, 'nothing → Completed'],
    [
      'Completed, timer D: MUST move to Terminated',
      false,
      'Completed',
      timer('D'),
      32_100,
      'finished → Terminated',
    ],
    [
      'Completed, transport error: MUST inform the TU',
      false,
      'Completed',
      error,
      300,
      'cancel D, finished, transportError → Terminated',
    ],
    ['Completed, abandoning does nothing', false, 'Completed', abandon, 300, 'nothing → Completed'],
    [
      'Accepted, 2xx: MUST be passed to the TU',
      false,
      'Accepted',
      response(200),
      300,
      'response 200 → Accepted',
    ],
    ['Accepted, 1xx is absorbed', false, 'Accepted', response(180), 300, 'nothing → Accepted'],
    ['Accepted, 300-699 is absorbed', false, 'Accepted', response(486), 300, 'nothing → Accepted'],
    [
      'Accepted, timer M: MUST move to Terminated',
      false,
      'Accepted',
      timer('M'),
      32_100,
      'finished → Terminated',
    ],
    [
      'Accepted, timer M also on a reliable transport',
      true,
      'Accepted',
      timer('M'),
      32_100,
      'finished → Terminated',
    ],
    ['Accepted, transport error is not its own', false, 'Accepted', error, 300, 'nothing → Accepted'],
    [
      'Terminated, any late response is absorbed',
      false,
      'Terminated',
      response(200),
      40_000,
      'nothing → Terminated',
    ],
    [
      'Terminated, any late timer is absorbed',
      false,
      'Terminated',
      timer('A'),
      40_000,
      'nothing → Terminated',
    ],
  ])('%s', (_title, reliable, way, input, at, expected) => {
    expect(inviteClient(reliable, way, input, at)).toBe(expected);
  });

  it('timer A doubles each time: 500, 1500, 3500, 7500, 15500, 31500', () => {
    const machine = new InviteClientTransaction({ request: requestOf('INVITE'), reliable: false, timers });
    const armed: number[] = [];
    let at = start;
    for (
      let outputs = machine.handle(begin, at);
      armed.length < 6;
      outputs = machine.handle(timer('A'), at)
    ) {
      at = armedAt(outputs, 'A');
      armed.push(at - start);
    }
    expect(armed).toEqual([500, 1_500, 3_500, 7_500, 15_500, 31_500]);
  });

  it('17.1.1.3: the ACK has Call-ID, From and Request-URI of the request, To of the response, one Via, the Route', () => {
    const machine = new InviteClientTransaction({ request: requestOf('INVITE'), reliable: false, timers });
    machine.handle(begin, start);
    const sent = machine.handle(response(486), start).find((output) => output.type === 'send');
    const ack = sent?.message as SipRequest;
    expect([ack.method, ack.uri, ack.body.length]).toEqual(['ACK', 'sip:bob@biloxi.example', 0]);
    expect([...ack.headers.entries()]).toEqual([
      ['Via', 'SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKkjshdyff'],
      ['Max-Forwards', '70'],
      ['Route', '<sip:proxy.example;lr>'],
      ['From', 'Alice <sip:alice@atlanta.example>;tag=88sja8x'],
      ['To', 'Bob <sip:bob@biloxi.example>;tag=314159'],
      ['Call-ID', '987asjd97y7atg'],
      ['CSeq', '986759 ACK'],
    ]);
  });
});

describe('RFC 3261 17.1.2: non-INVITE client transaction', () => {
  const nonInviteClient = table<ClientInput>(
    (reliable) => new NonInviteClientTransaction({ request: requestOf('OPTIONS'), reliable, timers }),
    {
      New: [],
      Trying: [[begin, 0]],
      Proceeding: [
        [begin, 0],
        [response(100), 100],
      ],
      Completed: [
        [begin, 0],
        [response(200), 100],
      ],
      Terminated: [
        [begin, 0],
        [timer('F'), 32_000],
      ],
    },
  );
  it.each<[string, boolean, string, ClientInput, number, string]>([
    [
      'timer F with 64*T1; unreliable: timer E to fire in T1',
      false,
      'New',
      begin,
      0,
      'send OPTIONS, arm F 32000, arm E 500 → Trying',
    ],
    ['reliable: no timer E', true, 'New', begin, 0, 'send OPTIONS, arm F 32000 → Trying'],
    [
      'Trying, timer E: reset with MIN(2*T1, T2), and retransmit',
      false,
      'Trying',
      timer('E'),
      500,
      'resend OPTIONS, arm E 1500 → Trying',
    ],
    [
      'Trying, timer F: inform the TU about the timeout, enter Terminated',
      false,
      'Trying',
      timer('F'),
      32_000,
      'cancel E, cancel F, finished, timeout → Terminated',
    ],
    [
      'Trying, provisional: passed to the TU, Proceeding',
      false,
      'Trying',
      response(100),
      9,
      'response 100 → Proceeding',
    ],
    [
      'Trying, final: passed to the TU, Completed, timer K with T4',
      false,
      'Trying',
      response(404),
      9,
      'cancel E, cancel F, arm K 5009, response 404 → Completed',
    ],
    [
      'Trying, final, reliable: timer K is zero',
      true,
      'Trying',
      response(404),
      9,
      'cancel E, cancel F, finished, response 404 → Terminated',
    ],
    [
      'Trying, transport error',
      false,
      'Trying',
      error,
      9,
      'cancel E, cancel F, finished, transportError → Terminated',
    ],
    ['Trying, abandoned', false, 'Trying', abandon, 9, 'cancel E, cancel F, finished → Terminated'],
    [
      'Proceeding, timer E: retransmitted, and reset with T2',
      false,
      'Proceeding',
      timer('E'),
      500,
      'resend OPTIONS, arm E 4500 → Proceeding',
    ],
    [
      'Proceeding, timer F',
      false,
      'Proceeding',
      timer('F'),
      32_000,
      'cancel E, cancel F, finished, timeout → Terminated',
    ],
    ['Proceeding, provisional', false, 'Proceeding', response(183), 200, 'response 183 → Proceeding'],
    [
      'Proceeding, final',
      false,
      'Proceeding',
      response(200),
      200,
      'cancel E, cancel F, arm K 5200, response 200 → Completed',
    ],
    [
      'Proceeding, transport error',
      false,
      'Proceeding',
      error,
      200,
      'cancel E, cancel F, finished, transportError → Terminated',
    ],
    [
      'Completed absorbs any additional response retransmissions',
      false,
      'Completed',
      response(200),
      200,
      'nothing → Completed',
    ],
    ['Completed, a late timer E', false, 'Completed', timer('E'), 500, 'nothing → Completed'],
    ['Completed, a late timer F', false, 'Completed', timer('F'), 32_000, 'nothing → Completed'],
    ['Completed, transport error', false, 'Completed', error, 500, 'nothing → Completed'],
    ['Completed, abandoning', false, 'Completed', abandon, 500, 'nothing → Completed'],
    [
      'Completed, timer K: MUST transition to Terminated',
      false,
      'Completed',
      timer('K'),
      5_100,
      'finished → Terminated',
    ],
    ['Terminated, a late response', false, 'Terminated', response(200), 40_000, 'nothing → Terminated'],
  ])('%s', (_title, reliable, way, input, at, expected) => {
    expect(nonInviteClient(reliable, way, input, at)).toBe(expected);
  });

  it('timer E: intervals of 500 ms, 1 s, 2 s, 4 s, 4 s', () => {
    const machine = new NonInviteClientTransaction({
      request: requestOf('OPTIONS'),
      reliable: false,
      timers,
    });
    const intervals: number[] = [];
    let at = start;
    for (
      let outputs = machine.handle(begin, at);
      intervals.length < 5;
      outputs = machine.handle(timer('E'), at)
    ) {
      const next = armedAt(outputs, 'E');
      intervals.push(next - at);
      at = next;
    }
    expect(intervals).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
  });
});

describe('RFC 3261 17.2.1 and RFC 6026 7.1: INVITE server transaction', () => {
  const inviteServer = table<ServerInput>(
    (reliable) => new InviteServerTransaction({ request: requestOf('INVITE'), reliable, timers }),
    {
      Proceeding: [],
      'Proceeding with 180': [[respond(180), 0]],
      Completed: [[respond(486), 0]],
      Confirmed: [
        [respond(486), 0],
        [request('ACK'), 100],
      ],
      Accepted: [[respond(200), 0]],
      Terminated: [
        [respond(486), 0],
        [timer('H'), 32_000],
      ],
    },
  );
  it.each<[string, boolean, string, ServerInput, number, string]>([
    [
      'Proceeding, a provisional of the TU is passed to the transport',
      false,
      'Proceeding',
      respond(180),
      0,
      'send 180 → Proceeding',
    ],
    [
      'Proceeding, a retransmitted request before any response',
      false,
      'Proceeding',
      request('INVITE'),
      0,
      'nothing → Proceeding',
    ],
    [
      'Proceeding, a retransmitted request: the most recent provisional MUST be passed to the transport',
      false,
      'Proceeding with 180',
      request('INVITE'),
      9,
      'resend 180 → Proceeding',
    ],
    [
      'Proceeding, 2xx of the TU: Accepted, timer L with 64*T1',
      false,
      'Proceeding',
      respond(200),
      9,
      'send 200, arm L 32009 → Accepted',
    ],
    [
      'Proceeding, 2xx, reliable: timer L all the same',
      true,
      'Proceeding',
      respond(200),
      9,
      'send 200, arm L 32009 → Accepted',
    ],
    [
      'Proceeding, 300-699: Completed; unreliable: timer G with T1; timer H with 64*T1',
      false,
      'Proceeding',
      respond(486),
      9,
      'send 486, arm G 509, arm H 32009 → Completed',
    ],
    [
      'Proceeding, 300-699, reliable: no timer G',
      true,
      'Proceeding',
      respond(486),
      9,
      'send 486, arm H 32009 → Completed',
    ],
    [
      'Proceeding, an ACK means nothing',
      false,
      'Proceeding with 180',
      request('ACK'),
      9,
      'nothing → Proceeding',
    ],
    [
      'Proceeding, transport error: inform the TU, stay (RFC 6026)',
      false,
      'Proceeding with 180',
      error,
      9,
      'transportError → Proceeding',
    ],
    ['Proceeding, abandoned', false, 'Proceeding', abandon, 9, 'finished → Terminated'],
    [
      'Completed, timer G: retransmit, and reset with MIN(2*T1, T2)',
      false,
      'Completed',
      timer('G'),
      500,
      'resend 486, arm G 1500 → Completed',
    ],
    [
      'Completed, a retransmitted request: SHOULD pass the response to the transport',
      false,
      'Completed',
      request('INVITE'),
      200,
      'resend 486 → Completed',
    ],
    [
      'Completed, ACK: MUST transition to Confirmed; timer I with T4',
      false,
      'Completed',
      request('ACK'),
      200,
      'cancel G, cancel H, arm I 5200 → Confirmed',
    ],
    [
      'Completed, ACK, reliable: timer I is zero',
      true,
      'Completed',
      request('ACK'),
      200,
      'cancel G, cancel H, finished → Terminated',
    ],
    [
      'Completed, timer H: the ACK was never received; MUST indicate to the TU',
      false,
      'Completed',
      timer('H'),
      32_000,
      'cancel G, cancel H, finished, timeout → Terminated',
    ],
    [
      'Completed, transport error',
      false,
      'Completed',
      error,
      9,
      'cancel G, cancel H, finished, transportError → Terminated',
    ],
    [
      'Completed, any other response of the TU is discarded',
      false,
      'Completed',
      respond(200),
      9,
      'nothing → Completed',
    ],
    ['Confirmed absorbs ACKs', false, 'Confirmed', request('ACK'), 300, 'nothing → Confirmed'],
    ['Confirmed absorbs INVITEs', false, 'Confirmed', request('INVITE'), 300, 'nothing → Confirmed'],
    ['Confirmed, a late timer G', false, 'Confirmed', timer('G'), 500, 'nothing → Confirmed'],
    ['Confirmed, a late timer H', false, 'Confirmed', timer('H'), 32_000, 'nothing → Confirmed'],
    ['Confirmed, transport error', false, 'Confirmed', error, 300, 'nothing → Confirmed'],
    [
      'Confirmed, timer I: MUST transition to Terminated',
      false,
      'Confirmed',
      timer('I'),
      5_100,
      'finished → Terminated',
    ],
    [
      'Accepted, retransmissions of the INVITE are absorbed',
      false,
      'Accepted',
      request('INVITE'),
      100,
      'nothing → Accepted',
    ],
    ['Accepted, an ACK is passed to the TU', false, 'Accepted', request('ACK'), 100, 'ack → Accepted'],
    [
      'Accepted, a 2xx of the TU is passed to the transport',
      false,
      'Accepted',
      respond(200),
      500,
      'resend 200 → Accepted',
    ],
    ['Accepted, no other response is passed', false, 'Accepted', respond(486), 500, 'nothing → Accepted'],
    [
      'Accepted, transport error: inform the TU, stay',
      false,
      'Accepted',
      error,
      500,
      'transportError → Accepted',
    ],
    [
      'Accepted, timer L: MUST transition to Terminated',
      false,
      'Accepted',
      timer('L'),
      32_000,
      'finished → Terminated',
    ],
    ['Terminated, a late ACK', false, 'Terminated', request('ACK'), 33_000, 'nothing → Terminated'],
    ['Terminated, a late response', false, 'Terminated', respond(200), 33_000, 'nothing → Terminated'],
  ])('%s', (_title, reliable, way, input, at, expected) => {
    expect(inviteServer(reliable, way, input, at)).toBe(expected);
  });

  it('timer G: intervals of 500 ms, 1 s, 2 s, 4 s, 4 s', () => {
    const machine = new InviteServerTransaction({ request: requestOf('INVITE'), reliable: false, timers });
    const intervals: number[] = [];
    let at = start;
    for (
      let outputs = machine.handle(respond(486), at);
      intervals.length < 5;
      outputs = machine.handle(timer('G'), at)
    ) {
      const next = armedAt(outputs, 'G');
      intervals.push(next - at);
      at = next;
    }
    expect(intervals).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
  });
});

describe('RFC 3261 17.2.2: non-INVITE server transaction', () => {
  const nonInviteServer = table<ServerInput>(
    (reliable) => new NonInviteServerTransaction({ request: requestOf('OPTIONS'), reliable, timers }),
    {
      Trying: [],
      Proceeding: [[respond(100), 0]],
      Completed: [[respond(200), 0]],
      Terminated: [
        [respond(200), 0],
        [timer('J'), 32_000],
      ],
    },
  );
  it.each<[string, boolean, string, ServerInput, number, string]>([
    [
      'Trying, any further request retransmissions are discarded',
      false,
      'Trying',
      request('OPTIONS'),
      0,
      'nothing → Trying',
    ],
    [
      'Trying, a provisional of the TU: Proceeding',
      false,
      'Trying',
      respond(100),
      0,
      'send 100 → Proceeding',
    ],
    [
      'Trying, a final: Completed; timer J with 64*T1',
      false,
      'Trying',
      respond(200),
      0,
      'send 200, arm J 32000 → Completed',
    ],
    [
      'Trying, a final, reliable: timer J is zero',
      true,
      'Trying',
      respond(200),
      0,
      'send 200, finished → Terminated',
    ],
    ['Trying, nothing was sent that could fail', false, 'Trying', error, 0, 'nothing → Trying'],
    ['Trying, abandoned', false, 'Trying', abandon, 0, 'finished → Terminated'],
    [
      'Proceeding, a retransmission: the most recent provisional MUST be passed to the transport',
      false,
      'Proceeding',
      request('OPTIONS'),
      9,
      'resend 100 → Proceeding',
    ],
    [
      'Proceeding, any further provisional is sent',
      false,
      'Proceeding',
      respond(183),
      9,
      'send 183 → Proceeding',
    ],
    ['Proceeding, a final', false, 'Proceeding', respond(404), 9, 'send 404, arm J 32009 → Completed'],
    ['Proceeding, transport error', false, 'Proceeding', error, 9, 'finished, transportError → Terminated'],
    [
      'Completed, a retransmission: MUST pass the final response',
      false,
      'Completed',
      request('OPTIONS'),
      9,
      'resend 200 → Completed',
    ],
    [
      'Completed, any other final response of the TU MUST be discarded',
      false,
      'Completed',
      respond(500),
      9,
      'nothing → Completed',
    ],
    [
      'Completed, transport error',
      false,
      'Completed',
      error,
      9,
      'cancel J, finished, transportError → Terminated',
    ],
    ['Completed, abandoning', false, 'Completed', abandon, 9, 'nothing → Completed'],
    [
      'Completed, timer J: MUST transition to Terminated',
      false,
      'Completed',
      timer('J'),
      32_000,
      'finished → Terminated',
    ],
    ['Terminated, a late request', false, 'Terminated', request('OPTIONS'), 33_000, 'nothing → Terminated'],
  ])('%s', (_title, reliable, way, input, at, expected) => {
    expect(nonInviteServer(reliable, way, input, at)).toBe(expected);
  });
});
