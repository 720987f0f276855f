import { CallLegs, isAlive, type Leg } from './call-legs.ts';
import { goneCause, mayJoin, personRefused, refusalScope, whenNobodyIsLeft } from './call-rules.ts';
import { CallTimers } from './call-timers.ts';
import type {
  CallInput,
  CallLimits,
  CallOutcome,
  CallOutput,
  CallState,
  CallTimer,
  DeviceLoss,
  EndCause,
  HandOverReason,
  LegEndReason,
  RingTarget,
} from './call-types.ts';

/**
 * One incoming call, from its arrival to its record: a state machine without I/O and without a clock. The driver feeds
 * it inputs with the time and carries out its outputs in order. Repeated and late inputs are absorbed.
 *
 * Promises: the caller is answered at most once; of all devices exactly one or none ends up connected; every leg
 * started is cancelled, hung up or over by itself; `record` and `finished` come exactly once, `finished` last.
 */
export class Call {
  readonly #limits: CallLimits;
  readonly #legs: CallLegs;
  readonly #timers = new CallTimers((output) => this.#emit(output));
  readonly #inState: Record<CallState, (input: CallInput) => void> = {
    arrived: (input) => this.#inArrived(input),
    ringing: (input) => this.#inRinging(input),
    connecting: (input) => this.#inConnecting(input),
    connected: (input) => this.#inConnected(input),
    alerting: (input) => this.#inAlerting(input),
    ended: (input) => this.#losingLegs(input),
  };
  #state: CallState = 'arrived';
  #outputs: CallOutput[] = [];
  #now = 0;
  #winner: Leg | undefined;
  readonly #arrivedAt: number;
  #ringingAt: number | undefined;
  #answeredAt: number | undefined;
  #handOver: HandOverReason | undefined;
  #finished = false;

  /** @param arrivedAt when the INVITE came, unix milliseconds. */
  constructor(limits: CallLimits, arrivedAt: number) {
    this.#limits = limits;
    this.#legs = new CallLegs(limits.maxLegs, (output) => this.#emit(output));
    this.#arrivedAt = arrivedAt;
  }

  get state(): CallState {
    return this.#state;
  }

  /** True after the `finished` output: nothing will ever come out of this call again. */
  get finished(): boolean {
    return this.#finished;
  }

  /** The device that has the call, while it has it. */
  get connectedLegId(): string | undefined {
    return this.#state === 'connected' ? this.#winner?.id : undefined;
  }

  /** @param now unix milliseconds. @returns what to do, in this order. */
  input(input: CallInput, now: number): CallOutput[] {
    this.#outputs = [];
    this.#now = now;
    if (input.type === 'timer' && !this.#timers.fired(input.timer)) return this.#outputs;
    this.#inState[this.#state](input);
    this.#finishWhenDone();
    return this.#outputs;
  }

  #inArrived(input: CallInput): void {
    switch (input.type) {
      case 'arrived':
        this.#state = 'ringing';
        for (const device of input.devices) this.#legs.start(device);
        // R-NOBODY: alerting at once, no ringback into an empty room.
        if (this.#legs.isEmpty) {
          this.#goAlerting('nobody');
          return;
        }
        this.#arm('ring', this.#limits.ringTimeoutMs);
        this.#arm('no-ring', this.#limits.noRingMs);
        this.#emit({ type: 'changed' });
        return;
      default:
        this.#callerOrSystemEnds(input);
    }
  }

  #inRinging(input: CallInput): void {
    switch (input.type) {
      case 'leg-ringing':
        this.#legRings(input.legId);
        return;
      case 'leg-answered':
        this.#legAnswers(input.legId);
        return;
      case 'leg-rejected':
        this.#legRejects(input.legId, input.status);
        return;
      case 'leg-failed':
      case 'leg-ended':
        this.#legFails(input.legId, input.lost ? 'lost' : 'failed');
        return;
      case 'device-registered':
        this.#deviceJoins(input.device);
        return;
      case 'device-unregistered':
        this.#deviceLeaves(input.deviceId, input.contactUri, input.why);
        return;
      case 'timer':
        // R-TIMEOUT; the others mean that nobody is there, or nobody came back.
        this.#goAlerting(input.timer === 'ring' ? 'timeout' : 'nobody');
        return;
      default:
        this.#callerOrSystemEnds(input);
    }
  }

  #inConnecting(input: CallInput): void {
    switch (input.type) {
      case 'media-ready':
        if (input.legId === this.#winner?.id) this.#connected(this.#winner);
        return;
      case 'media-failed':
        if (input.legId === this.#winner?.id) this.#winnerFails('failed', true);
        return;
      case 'timer':
        this.#winnerFails('failed', true);
        return;
      case 'device-unregistered':
        // Signed out from afar: it must not get the call (R-DEVICES).
        if (input.why === 'removed' && input.deviceId === this.#winner?.device.deviceId) {
          this.#winnerFails('failed', true);
        }
        return;
      case 'leg-ended':
      case 'leg-failed':
        // The person picked up and put down again before a word could pass: the caller may leave a message.
        if (input.legId === this.#winner?.id) {
          this.#winnerFails('declined', false);
          return;
        }
        this.#losingLegs(input);
        return;
      default:
        this.#losingLegs(input);
        this.#callerOrSystemEnds(input);
    }
  }

  #inConnected(input: CallInput): void {
    const winner = this.#winner as Leg;
    switch (input.type) {
      case 'leg-ended':
      case 'leg-failed':
        if (input.legId !== winner.id) {
          this.#losingLegs(input);
          return;
        }
        this.#legs.over(winner);
        this.#end(input.lost ? 'device-lost' : 'device-hung-up', 'answered', true);
        return;
      case 'media-silent':
        this.#legs.bye(winner, 'media-silent');
        this.#end('media-silent', 'answered', true);
        return;
      case 'device-unregistered':
        this.#connectedDeviceLeaves(winner, input);
        return;
      case 'device-registered':
        if (input.device.deviceId === winner.device.deviceId) this.#timers.disarm('device-lost');
        return;
      case 'timer': {
        const cause = input.timer === 'duration' ? 'max-duration' : 'device-lost';
        this.#legs.bye(winner, cause === 'max-duration' ? 'max-duration' : 'device-gone');
        this.#end(cause, 'answered', true);
        return;
      }
      default:
        this.#losingLegs(input);
        this.#callerOrSystemEnds(input);
    }
  }

  #inAlerting(input: CallInput): void {
    if (input.type !== 'alerting-ended') {
      this.#losingLegs(input);
      return;
    }
    const refused = this.#handOver === 'declined' && input.outcome === 'missed';
    this.#answeredAt = input.answeredAt;
    this.#end('alerting', refused ? 'declined' : input.outcome, false);
  }

  /** Legs that lost: cancelled, and not yet over. Whatever they say, they end. */
  #losingLegs(input: CallInput): void {
    if (!('legId' in input)) return;
    const leg = this.#legs.get(input.legId);
    if (leg?.state !== 'cancelling') return;
    switch (input.type) {
      case 'leg-answered':
        // Its 200 crossed our CANCEL (RFC 3261 9.1): acknowledged by the stack, hung up here.
        this.#legs.bye(leg, leg.cancelReason ?? 'failed');
        return;
      case 'leg-rejected':
      case 'leg-failed':
      case 'leg-ended':
        this.#legs.over(leg);
        return;
    }
  }

  #callerOrSystemEnds(input: CallInput): void {
    const answered = this.#state === 'connected' && input.type !== 'caller-cancelled';
    switch (input.type) {
      case 'caller-cancelled':
      case 'caller-hung-up':
      case 'carrier-lost':
        // R-CANCEL: unless the call was answered, the person has missed it.
        this.#takeAwayLegs('caller-gone');
        this.#end(goneCause(input), answered ? 'answered' : 'missed', false);
        return;
      case 'caller-media-failed':
        this.#takeAwayLegs('failed');
        this.#end(input.cause ?? 'no-common-codec', 'failed', true);
        return;
      case 'shutdown':
      case 'broken-invariant':
        this.#takeAwayLegs('shutdown');
        this.#end(input.type, answered ? 'answered' : 'failed', true);
        return;
    }
  }

  #legRings(legId: string): void {
    const leg = this.#legs.get(legId);
    if (leg?.state !== 'starting') return;
    leg.state = 'ringing';
    if (this.#ringingAt !== undefined) return;
    this.#ringingAt = this.#now;
    this.#timers.disarm('no-ring');
    this.#emit({ type: 'ring-caller' }, { type: 'changed' });
  }

  /** R-FIRST: this one wins, all others stop at once. */
  #legAnswers(legId: string): void {
    const leg = this.#legs.get(legId);
    if (!isAlive(leg)) {
      this.#losingLegs({ type: 'leg-answered', legId });
      return;
    }
    leg.state = 'answered';
    this.#winner = leg;
    this.#state = 'connecting';
    this.#timers.disarmAll();
    this.#emit({ type: 'connect', legId });
    this.#legs.cancelAlive('answered-elsewhere');
    this.#arm('connect', this.#limits.connectTimeoutMs);
  }

  #connected(leg: Leg): void {
    this.#state = 'connected';
    this.#answeredAt = this.#now;
    this.#timers.disarm('connect');
    this.#emit({ type: 'answer-caller', legId: leg.id });
    this.#arm('duration', this.#limits.maxDurationMs);
    this.#emit({ type: 'changed' });
  }

  #winnerFails(reason: HandOverReason, stillUp: boolean): void {
    const winner = this.#winner as Leg;
    this.#winner = undefined;
    if (stillUp) this.#legs.bye(winner, 'failed');
    else this.#legs.over(winner);
    this.#goAlerting(reason);
  }

  #legRejects(legId: string, status: number): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined || leg.state === 'over') return;
    // R-REJECT, R-BUSY: one refusal silences one device, a decline for all silences every one.
    const scope = refusalScope(status);
    if (leg.state !== 'cancelling') leg.verdict = scope === 'leg' ? 'failed' : 'refused';
    this.#legs.over(leg);
    if (leg.cancelReason === undefined && scope === 'person') {
      this.#legs.cancelAlive('declined');
      this.#goAlerting(personRefused(status));
      return;
    }
    this.#afterLegLoss();
  }

  #legFails(legId: string, verdict: 'failed' | 'lost'): void {
    const leg = this.#legs.get(legId);
    if (leg === undefined || leg.state === 'over') return;
    leg.verdict ??= verdict;
    this.#legs.over(leg);
    this.#afterLegLoss();
  }

  /** A device came while it still rings (R-PUSH, story of the returning tab). Idempotent. */
  #deviceJoins(device: RingTarget): void {
    if (!mayJoin(this.#legs, device)) return;
    this.#legs.start(device);
    if (this.#legs.alive.length > 0) this.#timers.disarm('grace');
  }

  #deviceLeaves(deviceId: string, contactUri: string, why: DeviceLoss): void {
    // A softphone whose registration ran out can still ring and answer.
    if (why === 'expired') return;
    for (const leg of this.#legs.alive) {
      if (leg.device.deviceId !== deviceId || leg.device.contactUri !== contactUri) continue;
      leg.verdict = why === 'connection-lost' ? 'lost' : 'failed';
      this.#legs.cancel(leg, 'device-gone');
    }
    this.#afterLegLoss();
  }

  /** Another binding of the same device may go: it is not the one that talks. */
  #connectedDeviceLeaves(winner: Leg, gone: RingTarget & { why: DeviceLoss }): void {
    if (winner.device.deviceId !== gone.deviceId) return;
    const isTalking = winner.device.contactUri === gone.contactUri;
    if (gone.why === 'removed') {
      this.#legs.bye(winner, 'device-gone');
      this.#end('device-lost', 'answered', true);
    } else if (gone.why === 'connection-lost' && isTalking && !this.#timers.has('device-lost')) {
      this.#arm('device-lost', this.#limits.deviceLostMs);
    }
  }

  /** Nobody left to answer: all said no → alerting; the last ones were lost → they get a moment to come back. */
  #afterLegLoss(): void {
    if (this.#state !== 'ringing' || this.#legs.alive.length > 0) return;
    const next = whenNobodyIsLeft(this.#legs);
    if (next === 'wait') {
      if (!this.#timers.has('grace')) this.#arm('grace', this.#limits.graceMs);
      return;
    }
    this.#timers.disarm('grace');
    this.#goAlerting(next);
  }

  #goAlerting(reason: HandOverReason): void {
    this.#timers.disarmAll();
    this.#legs.cancelAlive(reason === 'timeout' ? 'timeout' : 'failed');
    this.#handOver = reason;
    this.#state = 'alerting';
    this.#emit({ type: 'hand-over', reason }, { type: 'changed' });
  }

  #end(cause: EndCause, outcome: CallOutcome, callerIsThere: boolean): void {
    this.#timers.disarmAll();
    if (callerIsThere) this.#emit({ type: 'end-caller', cause });
    this.#state = 'ended';
    const summary = {
      arrivedAt: this.#arrivedAt,
      ringingAt: this.#ringingAt,
      answeredAt: outcome === 'missed' ? undefined : this.#answeredAt,
      endedAt: this.#now,
      outcome,
      cause,
      answeredDeviceId: outcome === 'answered' ? this.#winner?.device.deviceId : undefined,
      handOver: this.#handOver,
    };
    this.#emit({ type: 'record', summary }, { type: 'changed' });
  }

  #finishWhenDone(): void {
    if (this.#state !== 'ended' || this.#finished) return;
    if (!this.#legs.allOver) return;
    this.#finished = true;
    this.#emit({ type: 'finished' });
  }

  #takeAwayLegs(reason: LegEndReason): void {
    this.#legs.cancelAlive(reason);
    if (this.#winner?.state === 'answered') this.#legs.bye(this.#winner, reason);
  }

  #arm(timer: CallTimer, afterMs: number): void {
    this.#timers.arm(timer, this.#now + afterMs);
  }

  #emit(...outputs: CallOutput[]): void {
    this.#outputs.push(...outputs);
  }
}
