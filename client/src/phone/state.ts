/** Why a call is over, as the person should understand it. */
export type Outcome =
  | 'completed'
  | 'answered-elsewhere'
  | 'declined'
  | 'declined-elsewhere'
  | 'silenced'
  | 'caller-hung-up'
  | 'no-answer'
  | 'connection-lost'
  | 'microphone'
  | 'busy'
  | 'failed';

/** What keeps a microphone from us; each has words in `texts.ts` that say what to do. */
export type MicrophoneProblem = 'denied' | 'missing' | 'in-use' | 'insecure';

/** `ringing` and `answering` are incoming, `calling` is outgoing. */
export type Phase = 'ringing' | 'answering' | 'calling' | 'active' | 'ended';

/** How the audio of an active call is doing. */
export type Audio = 'connecting' | 'flowing' | 'interrupted';

/** One call on this device. Times are unix milliseconds. */
export interface Call {
  readonly id: string;
  readonly direction: 'incoming' | 'outgoing';
  readonly phase: Phase;
  /** E.164, or undefined when the caller withheld it. */
  readonly peer: string | undefined;
  readonly peerName: string | undefined;
  /** Which of the person's numbers was called, E.164. */
  readonly called: string | undefined;
  readonly startedAt: number;
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly audio: Audio;
  readonly muted: boolean;
  readonly outcome: Outcome | undefined;
  readonly microphoneProblem: MicrophoneProblem | undefined;
}

/**
 * `stopped`: not logged in. `connecting`: trying for the first time or again. `offline`: the system says there
 * is no network. `refused`: the server knows this device no more.
 */
export type Connection = 'stopped' | 'offline' | 'connecting' | 'registered' | 'refused';

export interface PhoneState {
  readonly connection: Connection;
  readonly calls: readonly Call[];
}

export const initialState: PhoneState = { connection: 'stopped', calls: [] };

/** Everything that can happen to the phone; `at` is the time of the happening. */
export type PhoneInput =
  | { type: 'started'; online: boolean }
  | { type: 'stopped' }
  | { type: 'network'; online: boolean }
  | { type: 'registered' }
  | { type: 'refused' }
  | { type: 'disconnected'; at: number }
  | { type: 'incoming'; id: string; peer?: string; peerName?: string; called?: string; at: number }
  | { type: 'outgoing'; id: string; peerName: string; at: number }
  | { type: 'accept'; id: string; at: number }
  | { type: 'decline'; id: string; scope: 'device' | 'all'; at: number }
  | { type: 'hang-up'; id: string; at: number }
  | { type: 'mute'; id: string; muted: boolean }
  | { type: 'confirmed'; id: string; at: number }
  | { type: 'microphone-failed'; id: string; problem: MicrophoneProblem; at: number }
  | { type: 'audio'; id: string; audio: Audio }
  /** The peer or the network ended it: `status` from the final response, `cause` from a Reason header (RFC 3326). */
  | { type: 'ended'; id: string; at: number; status?: number; cause?: number; lost?: boolean }
  | { type: 'dismiss'; id: string };

/** What the driver has to do after a step. */
export type Effect =
  | { do: 'answer'; id: string }
  | { do: 'reject'; id: string; status: 486 | 603 }
  | { do: 'hang-up'; id: string }
  | { do: 'mute'; id: string; muted: boolean }
  /** The call is over on screen for a while, then it goes. */
  | { do: 'dismiss-later'; id: string };

export interface Step {
  state: PhoneState;
  effects: Effect[];
}

/** True while the call occupies this device. */
export function isLive(call: Call): boolean {
  return call.phase !== 'ended';
}
