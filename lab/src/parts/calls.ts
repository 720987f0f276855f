import { randomBytes } from 'node:crypto';
import type { Handset } from '../call/handset.ts';
import { type CallWorld, type Destination, LabCall } from '../call/lab-call.ts';
import type { TrunkOrigin } from '../call/trunk-origin.ts';
import type { Ladder } from '../ladder.ts';
import type { HandsetAudio } from '../media/handset-audio.ts';
import { Pacer } from '../media/pacer.ts';
import { RingbackTone } from '../media/ringback-tone.ts';
import { causes } from '../model/causes.ts';
import { LabError } from '../model/errors.ts';
import { toE164 } from '../model/numbers.ts';
import type { CarrierOptions } from '../model/types.ts';
import type { TrunkArrivalRequest } from '../switch/trunk-arrival.ts';
import type { Carriers } from './carriers.ts';
import type { Handsets } from './handsets.ts';
import type { Hub } from './hub.ts';

const keptCalls = 50;
const keyPattern = /^[0-9*#A-D]{1,32}$/;

/** The calls of the lab, those under way and those it remembers, at the pace of the line. */
export class Calls {
  readonly #hub: Hub;
  readonly #ladder: Ladder;
  readonly #handsets: Handsets;
  readonly #carriers: Carriers;
  /** Newest last. */
  readonly #byId = new Map<string, LabCall>();
  readonly #ringbacks = new Map<string, RingbackTone>();
  readonly #toGiveUp = new Map<LabCall, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #pacer = new Pacer(() => this.#tick());
  readonly #world: CallWorld;

  constructor(parts: {
    hub: Hub;
    ladder: Ladder;
    handsets: Handsets;
    carriers: Carriers;
    /** What the carriers' own voicemail says. */
    greeting: () => Int16Array;
  }) {
    this.#hub = parts.hub;
    this.#ladder = parts.ladder;
    this.#handsets = parts.handsets;
    this.#carriers = parts.carriers;
    this.#world = this.#createWorld(parts.greeting);
  }

  /** Oldest first. */
  all(): LabCall[] {
    return [...this.#byId.values()];
  }

  get(id: string): LabCall | undefined {
    return this.#byId.get(id);
  }

  /** @throws LabError `unknown-call` */
  find(id: string): LabCall {
    const call = this.#byId.get(id);
    if (call === undefined) throw new LabError('unknown-call', 'The lab knows no such call.');
    return call;
  }

  /** The call that a handset is in. @throws LabError `unknown-handset`, `no-call` */
  of(number: string): LabCall {
    const { call } = this.#handsets.find(number);
    if (call === undefined) throw new LabError('no-call', 'The handset is in no call.');
    return this.find(call.id);
  }

  /**
   * A handset dials a number.
   * @param ringMs a missed call: the caller hangs up when it has rung for so long
   * @throws LabError `handset-busy`, `bad-number`
   */
  start(caller: Handset, typed: string, withholdNumber: boolean, ringMs?: number): LabCall {
    if (caller.inCall) throw new LabError('handset-busy', 'The handset is in a call.');
    const { options } = this.#carriers.find(caller.carrierId);
    const called = toE164(typed, options.prefix);
    if (called === undefined) throw new LabError('bad-number', 'This is no number that can be dialled.');
    caller.screen = undefined;
    const call = this.#begin(options, { caller, called, withholdNumber });
    if (ringMs !== undefined) this.#giveUpAfter(call, ringMs);
    return call;
  }

  /**
   * Ringthrough calls over the trunk of a carrier; that goes on like any other call.
   * @param named is told the name of the call before it goes on
   * @returns what to do when Ringthrough gives it up; undefined when it was released at once
   */
  arrive(
    carrier: CarrierOptions,
    { calling, called }: TrunkArrivalRequest,
    origin: TrunkOrigin,
    named: (id: string) => void,
  ): (() => void) | undefined {
    const number = toE164(called, carrier.prefix);
    if (number === undefined) {
      origin.release(causes.invalidNumber);
      return undefined;
    }
    const from = toE164(calling, carrier.prefix) ?? calling;
    const caller = { number: from, carrierId: carrier.id, call: undefined, screen: undefined };
    const call = this.#begin(carrier, { caller, called: number, withholdNumber: from === '', origin }, named);
    return () => call.originGone();
  }

  /** @throws LabError `no-call`, `bad-input` */
  pressKeys(number: string, keys: string): void {
    if (!keyPattern.test(keys)) throw new LabError('bad-input', 'Keys are 0-9, *, # and A-D, 32 at most.');
    const call = this.of(number);
    for (const key of keys) call.pressKey(number, key);
  }

  /** @throws LabError `unknown-call`, `no-call` */
  audio(callId: string, number?: string): HandsetAudio {
    const call = this.find(callId);
    const audio = call.audioOf(number ?? call.caller.number);
    if (audio === undefined || call.state === 'ended') throw new LabError('no-call', 'The call is over.');
    return audio;
  }

  /** Ends every call towards the far end. */
  close(): void {
    for (const call of this.#byId.values()) call.close();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#pacer.stop();
  }

  #createWorld(greeting: () => Int16Array): CallWorld {
    return {
      ladder: this.#ladder,
      now: Date.now,
      destination: (number) => this.#destination(number),
      openTrunk: (carrierId, request, listener) => {
        const carrier = this.#carriers.find(carrierId);
        const { keepsUserToUser = true } = carrier.options;
        const userToUser = keepsUserToUser ? request.userToUser : undefined;
        return carrier.switch.call({ ...request, userToUser, redirection: carrier.redirection }, listener);
      },
      setTimer: (callback, delayMs) => {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      changed: () => this.#changed(),
      greeting,
      voicemailLeft: (subscriber, message) => this.#handsets.voicemailLeft(subscriber, message),
    };
  }

  #destination(number: string): Destination {
    const handset = this.#handsets.get(number);
    if (handset !== undefined) return { kind: 'subscriber', handset };
    const mailbox = this.#carriers.byVoicemailNumber(number);
    if (mailbox !== undefined) return { kind: 'voicemail', carrierId: mailbox.options.id };
    const carrier = this.#carriers.byTrunkNumber(number);
    return carrier === undefined ? { kind: 'nowhere' } : { kind: 'trunk', carrierId: carrier.options.id };
  }

  #begin(
    { ringback }: CarrierOptions,
    init: Pick<ConstructorParameters<typeof LabCall>[0], 'caller' | 'called' | 'withholdNumber' | 'origin'>,
    named?: (id: string) => void,
  ): LabCall {
    const id = randomBytes(8).toString('hex');
    named?.(id);
    const call = new LabCall({ id, ...init, world: this.#world });
    this.#byId.set(id, call);
    this.#forgetOldCalls();
    this.#ringbacks.set(id, new RingbackTone(ringback));
    call.start();
    this.#changed();
    return call;
  }

  #giveUpAfter(call: LabCall, ringMs: number): void {
    this.#toGiveUp.set(call, ringMs);
    this.#changed();
  }

  /** Missed calls: hung up a while after they began to ring, wherever they are by then. */
  #armGiveUps(): void {
    for (const [call, ringMs] of this.#toGiveUp) {
      if (call.state === 'setup') continue;
      this.#toGiveUp.delete(call);
      if (call.state === 'ended') continue;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        call.hangUp(call.caller.number);
      }, ringMs);
      this.#timers.add(timer);
    }
  }

  #tick(): void {
    for (const call of this.#byId.values()) {
      const ringback = this.#ringbacks.get(call.id);
      if (ringback !== undefined) call.tick(() => ringback.next());
    }
  }

  #changed(): void {
    const live = this.all().filter((call) => call.state !== 'ended');
    for (const id of this.#ringbacks.keys()) {
      if (!live.some((call) => call.id === id)) this.#ringbacks.delete(id);
    }
    this.#armGiveUps();
    if (live.length > 0) this.#pacer.start();
    else this.#pacer.stop();
    this.#hub.changed();
  }

  #forgetOldCalls(): void {
    for (const [id, call] of this.#byId) {
      if (this.#byId.size <= keptCalls) return;
      if (call.state !== 'ended') continue;
      this.#byId.delete(id);
      this.#ladder.forget(id);
    }
  }
}
