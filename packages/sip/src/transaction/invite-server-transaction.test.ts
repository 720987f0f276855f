import { describe, expect, it } from 'vitest';
import type { ServerInput } from './invite-server-transaction.ts';
import { InviteServerTransaction } from './invite-server-transaction.ts';
import {
  abandon,
  armedAt,
  error,
  request,
  requestOf,
  respond,
  start,
  table,
  timer,
  timers,
} from './machine-table.testing.ts';

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
