import type { Call, Effect, Outcome, PhoneInput, PhoneState, Step } from './state.ts';
import { initialState, isLive } from './state.ts';

/** One call to talk in and one waiting; a third finds this device busy. */
const maxLiveCalls = 2;
/** A BYE with cause 200 so soon after our answer means that another device had won (two answers at once). */
const lateLoserMs = 5000;

/**
 * The phone's only state change: (state, input) → next state and what to do. No I/O and no clock, and an input
 * that comes too late (a second CANCEL, an answer after the end) changes nothing.
 */
export function reduce(state: PhoneState, input: PhoneInput): Step {
  switch (input.type) {
    case 'started':
      return only({ ...state, connection: input.online ? 'connecting' : 'offline' });
    case 'stopped':
      return stop(state);
    case 'network':
      return network(state, input.online);
    case 'registered':
      return only(state.connection === 'stopped' ? state : { ...state, connection: 'registered' });
    case 'refused':
      return only(state.connection === 'stopped' ? state : { ...state, connection: 'refused' });
    case 'disconnected':
      return disconnected(state, input.at);
    case 'incoming':
      return incoming(state, input);
    case 'outgoing':
      return outgoing(state, input);
    case 'dismiss':
      return only({ ...state, calls: state.calls.filter((call) => call.id !== input.id || isLive(call)) });
    default:
      return inCall(state, input);
  }
}

type CallInput = Exclude<
  PhoneInput,
  {
    type:
      | 'started'
      | 'stopped'
      | 'network'
      | 'registered'
      | 'refused'
      | 'disconnected'
      | 'incoming'
      | 'outgoing'
      | 'dismiss';
  }
>;

function inCall(state: PhoneState, input: CallInput): Step {
  const call = state.calls.find((candidate) => candidate.id === input.id && isLive(candidate));
  if (!call) return only(state);
  switch (input.type) {
    case 'accept':
      return accept(state, call, input.at);
    case 'decline':
      return decline(state, call, input);
    case 'hang-up':
      return end(state, call, {
        at: input.at,
        outcome: 'completed',
        effects: [{ do: 'hang-up', id: call.id }],
      });
    case 'mute':
      return {
        state: replace(state, { ...call, muted: input.muted }),
        effects: [{ do: 'mute', id: call.id, muted: input.muted }],
      };
    case 'confirmed':
      return only(
        call.phase === 'ringing' || call.phase === 'active' ? state : confirm(state, call, input.at),
      );
    case 'microphone-failed':
      return microphoneFailed(state, call, input);
    case 'audio':
      return only(replace(state, { ...call, audio: input.audio }));
    case 'ended':
      return end(state, call, { at: input.at, outcome: outcomeOf(call, input) });
  }
}

function stop(state: PhoneState): Step {
  const effects = state.calls
    .filter(isLive)
    .map(
      (call): Effect =>
        call.phase === 'ringing'
          ? { do: 'reject', id: call.id, status: 486 }
          : { do: 'hang-up', id: call.id },
    );
  return { state: initialState, effects };
}

function network(state: PhoneState, online: boolean): Step {
  if (state.connection === 'stopped' || state.connection === 'refused') return only(state);
  if (!online) return only({ ...state, connection: 'offline' });
  return only(state.connection === 'offline' ? { ...state, connection: 'connecting' } : state);
}

/**
 * The signalling connection broke. A call that is still being set up is lost here: when the device is registered
 * again and the call still rings, the server rings it anew. The audio of an active call has its own path and
 * may go on; ICE tells when it does not.
 */
function disconnected(state: PhoneState, at: number): Step {
  const connection = state.connection === 'registered' ? 'connecting' : state.connection;
  let step: Step = only({ ...state, connection });
  for (const call of state.calls) {
    if (!isLive(call) || call.phase === 'active') continue;
    const next = end(step.state, call, {
      at,
      outcome: 'connection-lost',
      effects: [{ do: 'hang-up', id: call.id }],
    });
    step = { state: next.state, effects: [...step.effects, ...next.effects] };
  }
  return step;
}

function incoming(state: PhoneState, input: Extract<PhoneInput, { type: 'incoming' }>): Step {
  if (state.calls.filter(isLive).length >= maxLiveCalls) {
    return { state, effects: [{ do: 'reject', id: input.id, status: 486 }] };
  }
  const call: Call = {
    ...blank(input.id, input.at),
    direction: 'incoming',
    phase: 'ringing',
    peer: input.peer,
    peerName: input.peerName,
    called: input.called,
  };
  return only({ ...state, calls: [...state.calls, call] });
}

function outgoing(state: PhoneState, input: Extract<PhoneInput, { type: 'outgoing' }>): Step {
  const call: Call = {
    ...blank(input.id, input.at),
    direction: 'outgoing',
    phase: 'calling',
    peerName: input.peerName,
  };
  return only({ ...state, calls: [...state.calls, call] });
}

/** Accepting a waiting call ends the one that is going on. */
function accept(state: PhoneState, call: Call, at: number): Step {
  if (call.phase !== 'ringing') return only(state);
  let step: Step = only(replace(state, { ...call, phase: 'answering', microphoneProblem: undefined }));
  for (const other of state.calls) {
    if (other.id === call.id || !isLive(other) || other.phase === 'ringing') continue;
    const next = end(step.state, other, {
      at,
      outcome: 'completed',
      effects: [{ do: 'hang-up', id: other.id }],
    });
    step = { state: next.state, effects: [...step.effects, ...next.effects] };
  }
  return { state: step.state, effects: [...step.effects, { do: 'answer', id: call.id }] };
}

function decline(state: PhoneState, call: Call, input: Extract<PhoneInput, { type: 'decline' }>): Step {
  if (call.phase !== 'ringing' && call.phase !== 'answering') return only(state);
  const all = input.scope === 'all';
  return end(state, call, {
    at: input.at,
    outcome: all ? 'declined' : 'silenced',
    effects: [{ do: 'reject', id: call.id, status: all ? 603 : 486 }],
  });
}

function confirm(state: PhoneState, call: Call, at: number): PhoneState {
  return replace(state, { ...call, phase: 'active', answeredAt: at });
}

/** Without a microphone an incoming call goes on ringing, so that the person can allow it or take another device. */
function microphoneFailed(
  state: PhoneState,
  call: Call,
  input: Extract<PhoneInput, { type: 'microphone-failed' }>,
): Step {
  const microphoneProblem = input.problem;
  if (call.phase === 'answering')
    return only(replace(state, { ...call, phase: 'ringing', microphoneProblem }));
  if (call.phase !== 'calling') return only(state);
  return end(
    replace(state, { ...call, microphoneProblem }),
    { ...call, microphoneProblem },
    { at: input.at, outcome: 'microphone' },
  );
}

function outcomeOf(call: Call, input: Extract<PhoneInput, { type: 'ended' }>): Outcome {
  if (input.lost) return 'connection-lost';
  if (call.phase === 'calling') return outgoingOutcome(input.status);
  if (call.phase === 'active') {
    const justAnswered = call.direction === 'incoming' && input.at - (call.answeredAt ?? 0) < lateLoserMs;
    return input.cause === 200 && justAnswered ? 'answered-elsewhere' : 'completed';
  }
  if (input.cause === 200) return 'answered-elsewhere';
  if (input.cause === 603) return 'declined-elsewhere';
  if (input.cause === 480 || input.cause === 408) return 'no-answer';
  return input.status === undefined ? 'caller-hung-up' : 'failed';
}

function outgoingOutcome(status: number | undefined): Outcome {
  if (status === 486 || status === 600) return 'busy';
  if (status === 408 || status === 480) return 'no-answer';
  return 'failed';
}

function end(
  state: PhoneState,
  call: Call,
  options: { at: number; outcome: Outcome; effects?: Effect[] },
): Step {
  const ended: Call = { ...call, phase: 'ended', endedAt: options.at, outcome: options.outcome };
  return {
    state: replace(state, ended),
    effects: [...(options.effects ?? []), { do: 'dismiss-later', id: call.id }],
  };
}

function blank(id: string, at: number): Call {
  return {
    id,
    direction: 'incoming',
    phase: 'ringing',
    peer: undefined,
    peerName: undefined,
    called: undefined,
    startedAt: at,
    answeredAt: undefined,
    endedAt: undefined,
    audio: 'connecting',
    muted: false,
    outcome: undefined,
    microphoneProblem: undefined,
  };
}

function replace(state: PhoneState, call: Call): PhoneState {
  return { ...state, calls: state.calls.map((other) => (other.id === call.id ? call : other)) };
}

function only(state: PhoneState): Step {
  return { state, effects: [] };
}
