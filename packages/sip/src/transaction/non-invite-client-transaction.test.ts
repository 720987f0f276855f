import { describe, expect, it } from 'vitest';
import type { ClientInput } from './invite-client-transaction.ts';
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
import { NonInviteClientTransaction } from './non-invite-client-transaction.ts';

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
