import { describe, expect, it } from 'vitest';
import type { SipRequest } from '../message/index.ts';
import type { ClientInput } from './invite-client-transaction.ts';
import { InviteClientTransaction } from './invite-client-transaction.ts';
import {
  abandon,
  armedAt,
  begin,
  error,
  requestOf,
  response,
  start,
  table,
  timer,
  timers,
} from './machine-table.testing.ts';

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
