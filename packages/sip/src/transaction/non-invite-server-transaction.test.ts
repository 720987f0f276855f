import { describe, expect, it } from 'vitest';
import type { ServerInput } from './invite-server-transaction.ts';
import {
  abandon,
  error,
  request,
  requestOf,
  respond,
  table,
  timer,
  timers,
} from './machine-table.testing.ts';
import { NonInviteServerTransaction } from './non-invite-server-transaction.ts';

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
