import { describe, expect, it } from 'vitest';
import { reduce } from './reducer.ts';
import type { Call, Effect, Phase, PhoneInput, PhoneState } from './state.ts';
import { initialState } from './state.ts';

/** Runs inputs one after the other; effects of all steps in order. */
function run(inputs: PhoneInput[], from: PhoneState = initialState) {
  let state = from;
  const effects: Effect[] = [];
  for (const input of inputs) {
    const step = reduce(state, input);
    state = step.state;
    effects.push(...step.effects);
  }
  return {
    state,
    effects,
    call: (id: string): Call | undefined => state.calls.find((call) => call.id === id),
  };
}

const online: PhoneInput[] = [{ type: 'started', online: true }, { type: 'registered' }];
const ring = (id = 'a'): PhoneInput => ({
  type: 'incoming',
  id,
  peer: '+442071838750',
  called: '+14155550101',
  at: 1000,
});
const accept = (id = 'a'): PhoneInput => ({ type: 'accept', id, at: 2000 });
const confirmed = (id = 'a'): PhoneInput => ({ type: 'confirmed', id, at: 2100 });
const answered = [...online, ring(), accept(), confirmed()];

describe('registration', () => {
  it('goes from connecting to registered, and back to connecting when the connection breaks', () => {
    expect(run(online).state.connection).toBe('registered');
    expect(run([...online, { type: 'disconnected', at: 5 }]).state.connection).toBe('connecting');
  });

  it('registers again after a loss of network', () => {
    const lost: PhoneInput[] = [
      ...online,
      { type: 'network', online: false },
      { type: 'disconnected', at: 5 },
    ];
    expect(run(lost).state.connection).toBe('offline');
    expect(run([...lost, { type: 'network', online: true }]).state.connection).toBe('connecting');
    expect(run([...lost, { type: 'network', online: true }, { type: 'registered' }]).state.connection).toBe(
      'registered',
    );
  });

  it('stays stopped when a late answer to REGISTER arrives after logout', () => {
    expect(run([...online, { type: 'stopped' }, { type: 'registered' }]).state.connection).toBe('stopped');
  });

  it('does not try again what the server refused', () => {
    const refused: PhoneInput[] = [...online, { type: 'refused' }, { type: 'network', online: true }];
    expect(run(refused).state.connection).toBe('refused');
  });
});

describe('an incoming call', () => {
  it('rings, is accepted, and is active once the caller side has confirmed it', () => {
    const { call, effects } = run(answered);
    expect(call('a')).toMatchObject({
      phase: 'active',
      answeredAt: 2100,
      peer: '+442071838750',
      called: '+14155550101',
    });
    expect(effects).toEqual([{ do: 'answer', id: 'a' }]);
  });

  it('accepts only once', () => {
    expect(run([...online, ring(), accept(), accept()]).effects).toEqual([{ do: 'answer', id: 'a' }]);
  });

  it.each([
    ['486 silences this device', 'device', 486, 'silenced'],
    ['603 declines for all devices', 'all', 603, 'declined'],
  ] as const)('%s', (_title, scope, status, outcome) => {
    const { call, effects } = run([...online, ring(), { type: 'decline', id: 'a', scope, at: 3000 }]);
    expect(effects).toContainEqual({ do: 'reject', id: 'a', status });
    expect(call('a')).toMatchObject({ phase: 'ended', outcome, endedAt: 3000 });
  });

  it.each([
    ['CANCEL with Reason cause 200 is answered elsewhere', { cause: 200 }, 'answered-elsewhere'],
    ['CANCEL with Reason cause 487 is a caller who hung up', { cause: 487 }, 'caller-hung-up'],
    ['CANCEL without Reason is a caller who hung up', {}, 'caller-hung-up'],
    ['CANCEL with Reason cause 480 is no answer', { cause: 480 }, 'no-answer'],
    ['CANCEL with Reason cause 603 is declined on another device', { cause: 603 }, 'declined-elsewhere'],
  ] as const)('%s', (_title, extra, outcome) => {
    const cancel: PhoneInput = { type: 'ended', id: 'a', at: 3000, ...extra };
    expect(run([...online, ring(), cancel]).call('a')).toMatchObject({ phase: 'ended', outcome });
    // The same while this device is already answering: the others were faster.
    expect(run([...online, ring(), accept(), cancel]).call('a')).toMatchObject({ phase: 'ended', outcome });
  });

  it('is answered elsewhere when a BYE with cause 200 follows our late answer', () => {
    const bye: PhoneInput = { type: 'ended', id: 'a', at: 2200, cause: 200 };
    expect(run([...answered, bye]).call('a')?.outcome).toBe('answered-elsewhere');
    expect(run([...answered, { ...bye, at: 60_000 }]).call('a')?.outcome).toBe('completed');
  });

  it('ends once: what comes after the end changes nothing', () => {
    const over = run([...answered, { type: 'hang-up', id: 'a', at: 9000 }]);
    const late: PhoneInput[] = [
      accept(),
      confirmed(),
      { type: 'ended', id: 'a', at: 9500, cause: 200 },
      { type: 'mute', id: 'a', muted: true },
    ];
    const after = run(late, over.state);
    expect(after.state).toEqual(over.state);
    expect(after.effects).toEqual([]);
  });

  it('goes on ringing and says why when there is no microphone', () => {
    const failed: PhoneInput = { type: 'microphone-failed', id: 'a', problem: 'denied', at: 2050 };
    const { call } = run([...online, ring(), accept(), failed]);
    expect(call('a')).toMatchObject({ phase: 'ringing', microphoneProblem: 'denied' });
    expect(run([...online, ring(), accept(), failed, accept()]).call('a')).toMatchObject({
      phase: 'answering',
      microphoneProblem: undefined,
    });
  });

  it('leaves the screen only when it is over', () => {
    expect(run([...online, ring(), { type: 'dismiss', id: 'a' }]).state.calls).toHaveLength(1);
    expect(
      run([...answered, { type: 'ended', id: 'a', at: 9000 }, { type: 'dismiss', id: 'a' }]).state.calls,
    ).toEqual([]);
  });
});

describe('a second incoming call', () => {
  it('waits while a call is going on, and accepting it ends the first', () => {
    const waiting = run([...answered, ring('b')]);
    expect(waiting.call('a')?.phase).toBe('active');
    expect(waiting.call('b')?.phase).toBe('ringing');
    const taken = run([accept('b')], waiting.state);
    expect(taken.effects).toEqual([
      { do: 'hang-up', id: 'a' },
      { do: 'dismiss-later', id: 'a' },
      { do: 'answer', id: 'b' },
    ]);
    expect(taken.call('a')).toMatchObject({ phase: 'ended', outcome: 'completed' });
  });

  it('keeps the first call when the waiting one is silenced on this device', () => {
    const { call, effects } = run([
      ...answered,
      ring('b'),
      { type: 'decline', id: 'b', scope: 'device', at: 3000 },
    ]);
    expect(effects).toContainEqual({ do: 'reject', id: 'b', status: 486 });
    expect(call('a')?.phase).toBe('active');
  });

  it('is busy (486) when one call is active and another waits', () => {
    const { call, effects } = run([...answered, ring('b'), ring('c')]);
    expect(effects).toContainEqual({ do: 'reject', id: 'c', status: 486 });
    expect(call('c')).toBeUndefined();
  });
});

describe('connection lost', () => {
  const lost: PhoneInput = { type: 'disconnected', at: 4000 };

  it.each<[Phase, PhoneInput[]]>([
    ['ringing', [...online, ring()]],
    ['answering', [...online, ring(), accept()]],
    ['calling', [...online, { type: 'outgoing', id: 'a', peerName: 'Audio test', at: 1000 }]],
  ])('while %s ends the call here', (phase, inputs) => {
    expect(run(inputs).call('a')?.phase).toBe(phase);
    expect(run([...inputs, lost]).call('a')).toMatchObject({ phase: 'ended', outcome: 'connection-lost' });
  });

  it('rings again as a new call after the registration is back', () => {
    const { call } = run([...online, ring(), lost, { type: 'registered' }, ring('b')]);
    expect(call('b')?.phase).toBe('ringing');
  });

  it('in an active call keeps the call: audio has a path of its own', () => {
    const { state, call } = run([...answered, lost]);
    expect(call('a')?.phase).toBe('active');
    expect(state.connection).toBe('connecting');
  });

  it('ends an active call when its audio path is lost', () => {
    const inputs: PhoneInput[] = [...answered, { type: 'audio', id: 'a', audio: 'interrupted' }];
    expect(run(inputs).call('a')?.audio).toBe('interrupted');
    expect(run([...inputs, { type: 'ended', id: 'a', at: 9000, lost: true }]).call('a')?.outcome).toBe(
      'connection-lost',
    );
  });
});

describe('stopping', () => {
  it('hangs up what is active and silences what rings', () => {
    const { state, effects } = run([{ type: 'stopped' }], run([...answered, ring('b')]).state);
    expect(state).toEqual(initialState);
    expect(effects).toEqual([
      { do: 'hang-up', id: 'a' },
      { do: 'reject', id: 'b', status: 486 },
    ]);
  });
});

describe('an outgoing test call', () => {
  const calling: PhoneInput[] = [...online, { type: 'outgoing', id: 'a', peerName: 'Audio test', at: 1000 }];

  it('is active when it is answered', () => {
    expect(run([...calling, confirmed()]).call('a')?.phase).toBe('active');
  });

  it.each([
    [486, 'busy'],
    [408, 'no-answer'],
    [503, 'failed'],
  ] as const)('maps %i to %s', (status, outcome) => {
    expect(run([...calling, { type: 'ended', id: 'a', at: 2000, status }]).call('a')?.outcome).toBe(outcome);
  });

  it('ends when there is no microphone', () => {
    const failed: PhoneInput = { type: 'microphone-failed', id: 'a', problem: 'missing', at: 1100 };
    expect(run([...calling, failed]).call('a')).toMatchObject({
      phase: 'ended',
      outcome: 'microphone',
      microphoneProblem: 'missing',
    });
  });
});
