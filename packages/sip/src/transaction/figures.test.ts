import { describe, expect, it } from 'vitest';
import { type ClientInput, InviteClientTransaction } from './invite-client-transaction.ts';
import { InviteServerTransaction, type ServerInput } from './invite-server-transaction.ts';
import type { TimerName } from './machine.ts';
import {
  abandon,
  begin,
  error,
  request,
  requestOf,
  respond,
  response,
  type Step,
  table,
  timer,
  timers,
} from './machine-table.testing.ts';
import { NonInviteClientTransaction } from './non-invite-client-transaction.ts';
import { NonInviteServerTransaction } from './non-invite-server-transaction.ts';

/**
 * The figures of the RFCs, whole: every state with every event. What is drawn stands here; every other pair of a state
 * and an event must do nothing at all and leave the state. Times and reasons are in the tables of each machine.
 */
interface Figure<Input> {
  make: Parameters<typeof table<Input>>[0];
  /** How each state is reached. */
  ways: Record<string, Step<Input>[]>;
  events: Record<string, Input>;
  drawn: Record<string, Record<string, string>>;
}

const every = (names: string): Record<string, { type: 'timer'; timer: TimerName }> =>
  Object.fromEntries(names.split('').map((name) => [`timer ${name}`, timer(name as TimerName)]));

function check<Input>(reliable: boolean, { make, ways, events, drawn }: Figure<Input>): void {
  const react = table<Input>(make, ways);
  const unknown = Object.entries(drawn).flatMap(([state, cells]) =>
    Object.keys(cells).filter((event) => !(state in ways) || !(event in events)),
  );
  expect(unknown).toEqual([]);
  const [found, expected]: Array<Record<string, string>> = [{}, {}];
  for (const state of Object.keys(ways)) {
    for (const [event, input] of Object.entries(events)) {
      const key = `${state}: ${event}`;
      // When a timer is armed for is the other tables' matter.
      found![key] = react(reliable, state, input, 100).replace(/(arm \w) \d+/g, '$1');
      expected![key] = drawn[state]?.[event] ?? `nothing → ${state}`;
    }
  }
  expect(found).toEqual(expected);
}

const allTimers = every('ABDEFGHIJKLM');
const clientEvents: Record<string, ClientInput> = {
  '1xx': response(180),
  '2xx': response(200),
  '300-699': response(486),
  ...allTimers,
  'transport error': error,
  'given up': abandon,
};
const serverEvents: Record<string, ServerInput> = {
  '1xx from TU': respond(183),
  '2xx from TU': respond(200),
  '300-699 from TU': respond(486),
  ...allTimers,
  'transport error': error,
  'given up': abandon,
};

describe('RFC 3261 figure 5 with RFC 6026 figure 5: INVITE client transaction, each state with each event', () => {
  const make = (reliable: boolean) =>
    new InviteClientTransaction({ request: requestOf('INVITE'), reliable, timers });
  const start: Step<ClientInput> = [begin, 0];
  const calling = {
    '1xx': 'cancel A, cancel B, response 180 → Proceeding',
    '2xx': 'cancel A, cancel B, arm M, response 200 → Accepted',
    'timer A': 'resend INVITE, arm A → Calling',
    'timer B': 'cancel A, cancel B, finished, timeout → Terminated',
    'transport error': 'cancel A, cancel B, finished, transportError → Terminated',
    'given up': 'cancel A, cancel B, finished → Terminated',
  };
  const proceeding = {
    '1xx': 'response 180 → Proceeding',
    '2xx': 'arm M, response 200 → Accepted',
    'transport error': 'finished, transportError → Terminated',
    'given up': 'finished → Terminated',
  };
  const accepted = { '2xx': 'response 200 → Accepted', 'timer M': 'finished → Terminated' };
  const ways = {
    Calling: [start],
    Proceeding: [start, [response(180), 1]],
    Accepted: [start, [response(200), 1]],
    Terminated: [start, [timer('B'), 1]],
  } satisfies Record<string, Step<ClientInput>[]>;

  it('over UDP', () => {
    check(false, {
      make,
      ways: { ...ways, Completed: [start, [response(486), 1]] },
      events: clientEvents,
      drawn: {
        Calling: { ...calling, '300-699': 'cancel A, cancel B, send ACK, arm D, response 486 → Completed' },
        Proceeding: { ...proceeding, '300-699': 'send ACK, arm D, response 486 → Completed' },
        Completed: {
          '300-699': 'resend ACK → Completed',
          'timer D': 'finished → Terminated',
          'transport error': 'cancel D, finished, transportError → Terminated',
        },
        Accepted: accepted,
      },
    });
  });

  it('over a connection: timer D is zero', () => {
    check(true, {
      make,
      ways,
      events: clientEvents,
      drawn: {
        Calling: {
          ...calling,
          '300-699': 'cancel A, cancel B, send ACK, finished, response 486 → Terminated',
        },
        Proceeding: { ...proceeding, '300-699': 'send ACK, finished, response 486 → Terminated' },
        Accepted: accepted,
      },
    });
  });
});

describe('RFC 3261 figure 7 with RFC 6026 figure 3: INVITE server transaction, each state with each event', () => {
  const make = (reliable: boolean) =>
    new InviteServerTransaction({ request: requestOf('INVITE'), reliable, timers });
  const events = { INVITE: request('INVITE'), ACK: request('ACK'), ...serverEvents };
  const proceeding = {
    INVITE: 'resend 180 → Proceeding',
    '1xx from TU': 'send 183 → Proceeding',
    '2xx from TU': 'send 200, arm L → Accepted',
    'transport error': 'transportError → Proceeding',
    'given up': 'finished → Terminated',
  };
  const completed = {
    INVITE: 'resend 486 → Completed',
    'timer G': 'resend 486, arm G → Completed',
    'timer H': 'cancel G, cancel H, finished, timeout → Terminated',
    'transport error': 'cancel G, cancel H, finished, transportError → Terminated',
  };
  const accepted = {
    ACK: 'ack → Accepted',
    '2xx from TU': 'resend 200 → Accepted',
    'timer L': 'finished → Terminated',
    'transport error': 'transportError → Accepted',
  };
  const ways = {
    Proceeding: [[respond(180), 0]],
    Completed: [[respond(486), 0]],
    Accepted: [[respond(200), 0]],
    Terminated: [
      [respond(486), 0],
      [timer('H'), 1],
    ],
  } satisfies Record<string, Step<ServerInput>[]>;

  it('over UDP', () => {
    check(false, {
      make,
      ways: {
        ...ways,
        Confirmed: [
          [respond(486), 0],
          [request('ACK'), 1],
        ],
      },
      events,
      drawn: {
        Proceeding: { ...proceeding, '300-699 from TU': 'send 486, arm G, arm H → Completed' },
        Completed: { ...completed, ACK: 'cancel G, cancel H, arm I → Confirmed' },
        Confirmed: { 'timer I': 'finished → Terminated' },
        Accepted: accepted,
      },
    });
  });

  it('over a connection: no timer G is armed, timer I is zero', () => {
    check(true, {
      make,
      ways,
      events,
      drawn: {
        Proceeding: { ...proceeding, '300-699 from TU': 'send 486, arm H → Completed' },
        Completed: { ...completed, ACK: 'cancel G, cancel H, finished → Terminated' },
        Accepted: accepted,
      },
    });
  });
});

describe('RFC 3261 figure 6: non-INVITE client transaction, each state with each event', () => {
  const make = (reliable: boolean) =>
    new NonInviteClientTransaction({ request: requestOf('OPTIONS'), reliable, timers });
  const start: Step<ClientInput> = [begin, 0];
  const final = (after: string, status: number) =>
    `cancel E, cancel F, ${after}, response ${status} → ${after === 'arm K' ? 'Completed' : 'Terminated'}`;
  const waiting = (state: string, after: string) => ({
    '1xx': 'response 180 → Proceeding',
    '2xx': final(after, 200),
    '300-699': final(after, 486),
    'timer E': `resend OPTIONS, arm E → ${state}`,
    'timer F': 'cancel E, cancel F, finished, timeout → Terminated',
    'transport error': 'cancel E, cancel F, finished, transportError → Terminated',
    'given up': 'cancel E, cancel F, finished → Terminated',
  });
  const ways = {
    Trying: [start],
    Proceeding: [start, [response(100), 1]],
    Terminated: [start, [timer('F'), 1]],
  } satisfies Record<string, Step<ClientInput>[]>;

  it('over UDP', () => {
    check(false, {
      make,
      ways: { ...ways, Completed: [start, [response(200), 1]] },
      events: clientEvents,
      drawn: {
        Trying: waiting('Trying', 'arm K'),
        Proceeding: waiting('Proceeding', 'arm K'),
        Completed: { 'timer K': 'finished → Terminated' },
      },
    });
  });

  it('over a connection: timer K is zero', () => {
    check(true, {
      make,
      ways,
      events: clientEvents,
      drawn: { Trying: waiting('Trying', 'finished'), Proceeding: waiting('Proceeding', 'finished') },
    });
  });
});

describe('RFC 3261 figure 8: non-INVITE server transaction, each state with each event', () => {
  const make = (reliable: boolean) =>
    new NonInviteServerTransaction({ request: requestOf('OPTIONS'), reliable, timers });
  const events = { request: request('OPTIONS'), ...serverEvents };
  const responses = (last: string, state: string) => ({
    '1xx from TU': 'send 183 → Proceeding',
    '2xx from TU': `send 200, ${last} → ${state}`,
    '300-699 from TU': `send 486, ${last} → ${state}`,
    'given up': 'finished → Terminated',
  });
  const error = 'finished, transportError → Terminated';
  const ways = { Trying: [], Proceeding: [[respond(100), 0]] } satisfies Record<string, Step<ServerInput>[]>;

  it('over UDP', () => {
    check(false, {
      make,
      ways: {
        ...ways,
        Completed: [[respond(200), 0]],
        Terminated: [
          [respond(200), 0],
          [timer('J'), 1],
        ],
      },
      events,
      drawn: {
        Trying: responses('arm J', 'Completed'),
        Proceeding: {
          ...responses('arm J', 'Completed'),
          request: 'resend 100 → Proceeding',
          'transport error': error,
        },
        Completed: {
          request: 'resend 200 → Completed',
          'timer J': 'finished → Terminated',
          'transport error': `cancel J, ${error}`,
        },
      },
    });
  });

  it('over a connection: timer J is zero', () => {
    check(true, {
      make,
      ways: { ...ways, Terminated: [[respond(200), 0]] },
      events,
      drawn: {
        Trying: responses('finished', 'Terminated'),
        Proceeding: {
          ...responses('finished', 'Terminated'),
          request: 'resend 100 → Proceeding',
          'transport error': error,
        },
      },
    });
  });
});
