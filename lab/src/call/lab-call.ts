import type { Ladder } from '../ladder.ts';
import { AnsweringMachine } from '../media/answering-machine.ts';
import { HandsetAudio } from '../media/handset-audio.ts';
import { causes } from '../model/causes.ts';
import { LabError } from '../model/errors.ts';
import { type RoutingDecision, routeArrival, routeUnanswered, type Unanswered } from '../model/routing.ts';
import type { Cause, Diverted } from '../model/types.ts';
import { CallLadder } from './call-ladder.ts';
import type { CallHandle, Handset, Screen } from './handset.ts';
import type { TrunkCall, TrunkCallListener, TrunkCallRequest } from './trunk-call.ts';
import type { TrunkOrigin } from './trunk-origin.ts';

export type CallState = 'setup' | 'alerting' | 'active' | 'ended';
export type ReleasedBy = 'caller' | 'callee' | 'network' | 'ringthrough';

export type Destination =
  | { kind: 'subscriber'; handset: Handset }
  | { kind: 'trunk'; carrierId: string }
  /** The carrier's own voicemail. */
  | { kind: 'voicemail'; carrierId: string }
  | { kind: 'nowhere' };

/** What a call needs of the lab around it. */
export interface CallWorld {
  readonly ladder: Ladder;
  now(): number;
  destination(number: string): Destination;
  openTrunk(carrierId: string, request: TrunkCallRequest, listener: TrunkCallListener): TrunkCall;
  /** @returns how to disarm it. */
  setTimer(callback: () => void, delayMs: number): () => void;
  changed(call: LabCall): void;
  /** What a carrier's own voicemail says. */
  greeting(): Int16Array;
  /** Somebody spoke to the carrier's voicemail of a subscriber. */
  voicemailLeft(subscriber: string, message: { from: string; at: number; durationMs: number }): void;
}

/** Who calls: a handset, or Ringthrough over the trunk of a carrier. */
export interface Caller {
  /** E.164; as the trunk writes it, where it is no handset. */
  readonly number: string;
  readonly carrierId: string;
  call: CallHandle | undefined;
  screen: Screen | undefined;
}

type Leg =
  | { kind: 'handset'; handset: Handset; audio: HandsetAudio; disarm: () => void }
  | { kind: 'trunk'; carrierId: string; trunk: TrunkCall; earlyMedia: boolean }
  | { kind: 'voicemail'; carrierId: string; machine: AnsweringMachine; disarm: () => void };

/** A carrier's voicemail picks up soon, and listens for as long as most do. */
const voicemailPickUpMs = 400;
const voicemailLimitMs = 120_000;

/** A call of the lab, from the green button (or the INVITE) to the release, through every forwarding on its way. */
export class LabCall implements CallHandle {
  readonly id: string;
  readonly caller: Caller;
  /** Where the call comes from, if that is the trunk. */
  readonly origin: TrunkOrigin | undefined;
  /** E.164 of the number that was dialled. */
  readonly called: string;
  readonly withholdNumber: boolean;
  readonly startedAt: number;
  readonly callerAudio: HandsetAudio;
  readonly diverted: Diverted[] = [];
  state: CallState = 'setup';
  alertingAt: number | undefined;
  answeredAt: number | undefined;
  endedAt: number | undefined;
  release: { by: ReleasedBy; cause: Cause } | undefined;
  /** Where the call is, or was last. */
  destination: Leg['kind'] | undefined;
  #leg: Leg | undefined;
  #lastCodec: TrunkCall['codec'];
  readonly #ladder: CallLadder;
  readonly #world: CallWorld;

  constructor(init: {
    id: string;
    caller: Caller;
    origin?: TrunkOrigin;
    called: string;
    withholdNumber: boolean;
    world: CallWorld;
  }) {
    this.id = init.id;
    this.caller = init.caller;
    this.origin = init.origin;
    this.called = init.called;
    this.withholdNumber = init.withholdNumber;
    this.#world = init.world;
    this.startedAt = init.world.now();
    this.callerAudio = new HandsetAudio(init.world.now);
    this.#ladder = new CallLadder(init.world.ladder, init.id, init.caller.carrierId);
  }

  start(): void {
    this.caller.call = this;
    if (this.origin === undefined) {
      this.#ladder.fromCaller(this.caller, 'SETUP', `Called number ${this.called}`);
      this.#towardsCaller('CALL PROCEEDING', 'The switch looks for the way.');
    }
    this.#offer(this.called);
  }

  /** The called handset, while the call is there or was answered there. */
  get callee(): Handset | undefined {
    return this.#leg?.kind === 'handset' ? this.#leg.handset : undefined;
  }

  get trunkCodec(): TrunkCall['codec'] {
    return this.#leg?.kind === 'trunk' ? this.#leg.trunk.codec : this.#lastCodec;
  }

  audioOf(number: string): HandsetAudio | undefined {
    if (number === this.caller.number) return this.callerAudio;
    return this.#leg?.kind === 'handset' && this.#leg.handset.number === number ? this.#leg.audio : undefined;
  }

  answer(number: string): void {
    const leg = this.#leg;
    if (leg?.kind !== 'handset' || leg.handset.number !== number || this.state !== 'alerting') {
      throw new LabError('not-ringing', 'This handset is not ringing.');
    }
    leg.disarm();
    this.#ladder.fromHandset(number, 'CONNECT', 'Answered on the handset.');
    this.#answered();
  }

  /** Ringthrough, whose call it is, gives it up or hangs up. */
  originGone(): void {
    this.#release('ringthrough', causes.clearing, false);
  }

  hangUp(number: string): void {
    if (this.state === 'ended') return;
    if (number === this.caller.number) {
      this.#ladder.fromCaller(this.caller, 'DISCONNECT', causes.clearing.text);
      this.#release('caller', causes.clearing);
    } else if (this.state === 'alerting') {
      this.#ladder.fromHandset(number, 'DISCONNECT', 'Declined on the handset.');
      this.#unanswered('declined');
    } else {
      this.#ladder.fromHandset(number, 'DISCONNECT', causes.clearing.text);
      this.#release('callee', causes.clearing);
    }
  }

  radioLost(number: string): void {
    if (this.state === 'ended') return;
    this.#ladder.noteAt(number, 'no radio', 'The handset lost its network or was switched off.');
    if (number === this.caller.number) this.#release('caller', causes.radioLost);
    else if (this.state === 'alerting') this.#unanswered('lost-coverage');
    else this.#release('callee', causes.radioLost);
  }

  pressKey(number: string, key: string): void {
    const leg = this.#leg;
    if (this.state === 'ended' || leg === undefined) throw new LabError('no-call', 'Nobody hears the key.');
    this.#ladder.fromHandset(number, `START DTMF ${key}`, `Key ${key}`);
    if (number === this.caller.number) {
      if (leg.kind === 'trunk') leg.trunk.pressKey(key);
    } else this.origin?.pressKey(key);
  }

  /** Moves 20 ms of sound each way. To be called at that pace until the call ends. */
  tick(ringback: () => Int16Array): void {
    const leg = this.#leg;
    if (this.state === 'ended' || leg === undefined) return;
    const spoken = this.origin?.receive() ?? this.callerAudio.pull();
    if (leg.kind === 'handset') {
      const answer = leg.audio.pull();
      if (this.state === 'active') {
        leg.audio.hear(spoken, 'far-end');
        this.#callerHears(answer, 'far-end');
      }
    } else if (leg.kind === 'voicemail') {
      if (this.state === 'active') {
        leg.machine.hear(spoken);
        this.#callerHears(leg.machine.pull(), 'far-end');
      }
    } else {
      // Before the answer the switch lets no voice through, only what opens the way back (RTP from our port).
      leg.trunk.send(this.state === 'active' ? spoken : new Int16Array(spoken.length));
      const received = leg.trunk.receive();
      if (received !== undefined && (this.state === 'active' || leg.earlyMedia)) {
        this.#callerHears(received, 'far-end');
        return;
      }
    }
    // A caller on the trunk has the tone made where the caller is.
    if (this.state === 'alerting' && this.origin === undefined) this.callerAudio.hear(ringback(), 'network');
  }

  #callerHears(frame: Int16Array, from: 'far-end' | 'network'): void {
    this.callerAudio.hear(frame, from);
    if (this.state === 'active') this.origin?.send(frame);
  }

  /** The lab is shut down under the call. */
  close(): void {
    if (this.state !== 'ended') this.#release('network', causes.networkFailure);
  }

  #offer(number: string): void {
    const destination = this.#world.destination(number);
    switch (destination.kind) {
      case 'nowhere':
        this.#ladder.note('no such number', `${number} is not in service.`);
        this.#release('network', causes.notInService);
        return;
      case 'trunk':
        this.#offerTrunk(destination.carrierId, number);
        return;
      case 'voicemail':
        this.#offerVoicemail(destination.carrierId, number);
        return;
      case 'subscriber':
        this.#offerSubscriber(destination.handset);
    }
  }

  #offerSubscriber(handset: Handset): void {
    this.#ladder.handOver(handset.carrierId, handset.number);
    // A handset that calls itself is busy by then, as on a real network.
    const decision = routeArrival(handset, this.diverted);
    if (decision.kind === 'ring') this.#ring(handset, decision.noReplyMs);
    else this.#follow(decision, handset);
  }

  #ring(handset: Handset, noReplyMs: number): void {
    const disarm = this.#world.setTimer(() => this.#unanswered('no-reply'), noReplyMs);
    this.#leg = { kind: 'handset', handset, audio: new HandsetAudio(this.#world.now), disarm };
    this.destination = 'handset';
    handset.call = this;
    const { number } = handset;
    this.#ladder.toHandset(
      number,
      'SETUP',
      `Call from ${this.withholdNumber ? 'withheld' : this.caller.number}`,
    );
    this.#ladder.fromHandset(number, 'ALERTING', 'The handset rings.');
    this.#alerting();
  }

  #offerVoicemail(carrierId: string, number: string): void {
    this.#ladder.handOver(carrierId, number);
    this.destination = 'voicemail';
    const machine = new AnsweringMachine(this.#world.greeting());
    const leg: Leg = { kind: 'voicemail', carrierId, machine, disarm: () => {} };
    this.#leg = leg;
    this.#ladder.note('carrier’s voicemail', `${number} takes the call.`);
    this.#alerting();
    leg.disarm = this.#world.setTimer(() => {
      leg.disarm = this.#world.setTimer(() => this.#release('network', causes.clearing), voicemailLimitMs);
      this.#answered();
    }, voicemailPickUpMs);
  }

  #voicemailOver({ machine, disarm }: Leg & { kind: 'voicemail' }): void {
    disarm();
    const subscriber = this.diverted.at(-1)?.number;
    if (subscriber === undefined || machine.spokenMs === 0) return;
    const message = { from: this.#shownCaller(), at: this.#world.now(), durationMs: machine.spokenMs };
    this.#world.voicemailLeft(subscriber, message);
  }

  #offerTrunk(carrierId: string, number: string): void {
    this.#ladder.handOver(carrierId, number);
    const leg: Leg & { kind: 'trunk' } = {
      kind: 'trunk',
      carrierId,
      earlyMedia: false,
      trunk: this.#world.openTrunk(
        carrierId,
        {
          callId: this.id,
          calling: this.caller.number,
          withholdNumber: this.withholdNumber,
          called: number,
          diverted: this.diverted,
          userToUser: this.origin?.userToUser,
        },
        {
          ringing: () => this.#alerting(),
          earlyMedia: () => {
            leg.earlyMedia = true;
            this.#alerting();
          },
          answered: () => this.#answered(),
          released: (cause) => this.#release('ringthrough', cause),
        },
      ),
    };
    this.#leg = leg;
    this.destination = 'trunk';
    this.#world.changed(this);
  }

  #unanswered(why: Unanswered): void {
    const leg = this.#leg;
    if (leg?.kind !== 'handset' || this.state !== 'alerting') return;
    const { handset } = leg;
    this.#dropHandset(leg, why === 'declined' ? causes.rejected.text : 'Missed call');
    this.#leg = undefined;
    this.#follow(routeUnanswered(handset, why, this.diverted), handset);
  }

  #follow(decision: RoutingDecision, handset: Handset): void {
    if (decision.kind === 'divert') {
      const { diverted } = decision;
      this.diverted.push(diverted);
      this.origin?.forwarded();
      this.#ladder.note(
        `forward: ${diverted.reason}`,
        `${handset.number} forwards to ${diverted.to} (${diverted.reason}).`,
      );
      this.#offer(diverted.to);
    } else if (decision.kind === 'release') {
      this.#ladder.note(decision.cause.text.toLowerCase(), `${handset.number}: ${decision.cause.text}.`);
      this.#release('network', decision.cause);
    }
  }

  #alerting(): void {
    if (this.state !== 'setup') return;
    this.state = 'alerting';
    this.alertingAt = this.#world.now();
    this.origin?.alerting();
    this.#towardsCaller('ALERTING', 'The caller hears that it rings.');
    this.#world.changed(this);
  }

  #answered(): void {
    if (this.state === 'active' || this.state === 'ended') return;
    this.state = 'active';
    this.answeredAt = this.#world.now();
    this.origin?.answered();
    this.#towardsCaller('CONNECT', 'The call is answered; both sides speak.');
    this.#world.changed(this);
  }

  /** @param tellOrigin false when it is the origin that ends it */
  #release(by: ReleasedBy, cause: Cause, tellOrigin = true): void {
    if (this.state === 'ended') return;
    const leg = this.#leg;
    this.#lastCodec = this.trunkCodec;
    this.state = 'ended';
    this.endedAt = this.#world.now();
    this.release = { by, cause };
    this.#leg = undefined;
    if (leg?.kind === 'trunk' && (by !== 'ringthrough' || !tellOrigin)) leg.trunk.release(cause);
    if (tellOrigin) this.origin?.release(cause);
    if (leg?.kind === 'voicemail') this.#voicemailOver(leg);
    if (leg?.kind === 'handset')
      this.#dropHandset(leg, this.answeredAt === undefined ? 'Missed call' : cause.text);
    if (by !== 'caller') this.#towardsCaller('DISCONNECT', `${cause.text} (cause ${cause.q850})`);
    this.caller.call = undefined;
    this.caller.screen = { title: cause.text, lines: [] };
    this.#world.changed(this);
  }

  #dropHandset(leg: Leg & { kind: 'handset' }, text: string): void {
    leg.disarm();
    leg.handset.call = undefined;
    leg.handset.screen = { title: text, lines: [this.#shownCaller()] };
    this.#ladder.toHandset(leg.handset.number, 'RELEASE', text);
  }

  #shownCaller(): string {
    return this.withholdNumber ? 'Number withheld' : this.caller.number;
  }

  /** What a caller on the trunk is told shows as SIP. */
  #towardsCaller(label: string, detail: string): void {
    if (this.origin !== undefined) return;
    this.#ladder.toCaller(this.caller, label, detail);
  }
}
