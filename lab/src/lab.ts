import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Handset } from './call/handset.ts';
import { type CallWorld, type Destination, LabCall } from './call/lab-call.ts';
import type { TrunkOrigin } from './call/trunk-origin.ts';
import { Ladder, type LadderEntry } from './ladder.ts';
import type { HandsetAudio, Heard } from './media/handset-audio.ts';
import { Pacer } from './media/pacer.ts';
import { type PromptName, Prompts } from './media/prompts.ts';
import { RingbackTone } from './media/ringback-tone.ts';
import { causes } from './model/causes.ts';
import { defaultCarriers } from './model/defaults.ts';
import { LabError } from './model/errors.ts';
import { type ForwardingCommand, ForwardingTable } from './model/forwarding-table.ts';
import { parseDialled } from './model/mmi.ts';
import { toE164 } from './model/numbers.ts';
import { SmsCentre } from './model/sms-centre.ts';
import type { CarrierOptions, Coverage, RedirectionHeaders } from './model/types.ts';
import { scenarios } from './scenarios.ts';
import { type LabState, StateFile } from './state-file.ts';
import { Switch } from './switch/switch.ts';
import type { TrunkArrivalRequest } from './switch/trunk-arrival.ts';
import {
  type CallView,
  type CarrierView,
  callView,
  carrierView,
  type HandsetView,
  handsetView,
} from './views.ts';

/** Where the lab reports; never a number, a text of an SMS or a message. */
export interface LabLog {
  info(details: Record<string, unknown>, message: string): void;
  warn(details: Record<string, unknown>, message: string): void;
}

export interface LabOptions {
  /** Where Ringthrough takes SIP over UDP. */
  server: { host: string; port: number };
  /** Default: `defaultCarriers()`. */
  carriers?: readonly CarrierOptions[];
  /** The address the switches listen on and send RTP from; default 127.0.0.1. */
  host?: string;
  /** JSON file that keeps forwardings, coverage and SMS over a restart; without it they live in memory. */
  stateFile?: string;
  log?: LabLog;
}

export type LabEvent =
  /** Handsets, calls or carriers changed; ask for what is of interest. */
  { type: 'changed' } | { type: 'ladder'; entry: LadderEntry };

export type DialResult =
  | { kind: 'call'; call: CallView }
  /** A code was answered by the phone or the network. */
  | { kind: 'service'; ok: boolean; title: string; lines: string[] };

/** What a handset says into its call. */
export type Speech = { prompt: string } | { toneHz: number; durationMs: number } | { wav: Uint8Array };

interface Carrier {
  options: CarrierOptions;
  redirection: RedirectionHeaders;
  switch: Switch;
}

const keptCalls = 50;
const keyPattern = /^[0-9*#A-D]{1,32}$/;
const silentLog: LabLog = { info: () => {}, warn: () => {} };

/** A carrier in a box: handsets with SIMs, a switch and SIP trunk per carrier, and an SMS centre. */
export class Lab {
  readonly #host: string;
  readonly #log: LabLog;
  readonly #carriers = new Map<string, Carrier>();
  readonly #handsets = new Map<string, Handset>();
  /** Newest last. */
  readonly #calls = new Map<string, LabCall>();
  readonly #ringbacks = new Map<string, RingbackTone>();
  readonly #listeners = new Set<(event: LabEvent) => void>();
  readonly #ladder: Ladder;
  readonly #sms: SmsCentre;
  readonly #file: StateFile | undefined;
  readonly #prompts = new Prompts();
  readonly #pacer = new Pacer(() => this.#tick());
  readonly #world: CallWorld;

  /** @throws Error when the state file is not the lab's. */
  constructor(options: LabOptions) {
    this.#host = options.host ?? '127.0.0.1';
    this.#log = options.log ?? silentLog;
    this.#file = options.stateFile === undefined ? undefined : new StateFile(options.stateFile);
    const state = this.#file?.load();
    this.#ladder = new Ladder(Date.now, (entry) => this.#emit({ type: 'ladder', entry }));
    this.#world = this.#createWorld();
    for (const carrier of options.carriers ?? defaultCarriers())
      this.#addCarrier(carrier, options.server, state);
    this.#sms = new SmsCentre({
      now: Date.now,
      reach: (number) => this.#reach(number),
      onDelivered: () => this.#changed(),
      snapshot: state?.sms,
    });
  }

  /** Opens the switches' ports. @throws ListenError of `@ringthrough/sip` when one is taken. */
  async start(): Promise<void> {
    await this.#prompts.load();
    try {
      for (const carrier of this.#carriers.values()) await carrier.switch.start();
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const number of this.#handsets.keys()) this.#sms.deliverWaiting(number);
  }

  /** Ends every call towards the far end and frees every port. Idempotent. */
  async close(): Promise<void> {
    for (const call of this.#calls.values()) call.close();
    this.#pacer.stop();
    await Promise.all([...this.#carriers.values()].map((carrier) => carrier.switch.close()));
    this.#listeners.clear();
  }

  /** Calls `listener` after each change; returns how to stop. */
  on(listener: (event: LabEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  carriers(): CarrierView[] {
    return [...this.#carriers.values()].map((carrier) => this.#viewCarrier(carrier));
  }

  /** Which headers tell the called number on this carrier's trunk, from the next call on. */
  setRedirection(carrierId: string, redirection: RedirectionHeaders): CarrierView {
    const carrier = this.#carriers.get(carrierId);
    if (carrier === undefined) throw new LabError('unknown-carrier', 'The lab has no such carrier.');
    carrier.redirection = redirection;
    this.#persist();
    this.#changed();
    return this.#viewCarrier(carrier);
  }

  handsets(): HandsetView[] {
    return [...this.#handsets.values()].map((handset) => this.#viewHandset(handset));
  }

  /** @throws LabError `unknown-handset`, as does every method that takes a handset's number. */
  handset(number: string): HandsetView {
    return this.#viewHandset(this.#find(number));
  }

  setCoverage(number: string, coverage: Coverage): HandsetView {
    const handset = this.#find(number);
    if (handset.coverage !== coverage) {
      handset.coverage = coverage;
      handset.screen = undefined;
      if (coverage !== 'covered') handset.call?.radioLost(number);
      this.#persist();
      this.#sms.deliverWaiting(number);
      this.#persist();
      this.#changed();
    }
    return this.#viewHandset(handset);
  }

  /**
   * The green button: a code of the phone or the network, or a call.
   * @throws LabError `no-service`, `handset-busy`, `bad-number`
   */
  dial(number: string, typed: string): DialResult {
    const handset = this.#find(number);
    const dialled = parseDialled(typed);
    if (handset.coverage === 'off') throw new LabError('no-service', 'The handset is switched off.');
    if (dialled.kind === 'invalid') throw new LabError('bad-number', dialled.text);
    if (dialled.kind === 'imei') return this.#show(handset, true, 'IMEI', ['00-499901-640000-0']);
    if (handset.coverage !== 'covered') throw new LabError('no-service', 'The handset has no network.');
    if (dialled.kind === 'forwarding') return this.#forwarding(handset, dialled);
    return { kind: 'call', call: this.#startCall(handset, dialled.number, dialled.withholdNumber) };
  }

  /** @throws LabError `no-call`, `not-ringing` */
  answer(number: string): CallView {
    const call = this.#callOf(number);
    call.answer(number);
    return callView(call);
  }

  /** The red button: hangs up, gives up or declines. @throws LabError `no-call` */
  hangUp(number: string): CallView {
    const call = this.#callOf(number);
    call.hangUp(number);
    return callView(call);
  }

  /** Keys of the keypad in a call, as RFC 4733 events on the trunk. @throws LabError `no-call`, `bad-input` */
  pressKeys(number: string, keys: string): void {
    if (!keyPattern.test(keys)) throw new LabError('bad-input', 'Keys are 0-9, *, # and A-D, 32 at most.');
    const call = this.#callOf(number);
    for (const key of keys) call.pressKey(number, key);
  }

  /**
   * Says a tone, a stored sentence or a WAV into the call instead of the microphone.
   * @returns how long it lasts in milliseconds
   * @throws LabError `no-call`, `unknown-prompt`, `bad-audio`
   */
  speak(number: string, speech: Speech): { durationMs: number } {
    const pcm = this.#prompts.pcmOf(speech);
    this.#audio(number).speak(pcm);
    return { durationMs: Math.round(pcm.length / 8) };
  }

  stopSpeaking(number: string): void {
    this.#audio(number).stopSpeaking();
  }

  prompts(): readonly PromptName[] {
    return this.#prompts.names();
  }

  /** What this handset hears right now. @throws LabError `no-call` */
  heard(number: string): Heard {
    return this.#audio(number).heard();
  }

  /** The mouth and ear of a handset in a call, for live audio. @throws LabError `unknown-call`, `no-call` */
  audio(callId: string, number?: string): HandsetAudio {
    const call = this.#findCall(callId);
    const audio = call.audioOf(number ?? call.caller.number);
    if (audio === undefined || call.state === 'ended') throw new LabError('no-call', 'The call is over.');
    return audio;
  }

  clearInbox(number: string): HandsetView {
    this.#sms.clearInbox(this.#find(number).number);
    this.#persist();
    this.#changed();
    return this.handset(number);
  }

  /** Newest first. */
  calls(): CallView[] {
    return [...this.#calls.values()].reverse().map(callView);
  }

  call(id: string): CallView {
    return callView(this.#findCall(id));
  }

  ladder(callId: string): readonly LadderEntry[] {
    return this.#ladder.of(this.#findCall(callId).id);
  }

  /** Does this bearer token belong to a carrier's SMS centre? Takes the same time for each wrong one. */
  mayDeliverSms(token: string): boolean {
    const given = Buffer.from(token);
    return [...this.#carriers.values()].some(({ options }) => {
      const expected = Buffer.from(options.smsToken);
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
  }

  /** Takes an SMS over for a handset; on disk, if there is one, when this returns. @throws LabError `unknown-handset` */
  acceptSms(sms: { id: string; from: string; to: string; text: string }): 'accepted' | 'duplicate' {
    const result = this.#sms.accept(sms);
    if (result === 'unknown-number')
      throw new LabError('unknown-handset', 'No SIM of the lab has this number.');
    this.#persist();
    this.#changed();
    return result;
  }

  /** Puts the person's own handsets in a starting position. @throws LabError `unknown-scenario` */
  loadScenario(name: string): { title: string; hint: string } {
    const scenario = scenarios.find((one) => one.name === name);
    if (scenario === undefined) throw new LabError('unknown-scenario', 'The lab has no such scenario.');
    for (const { number, role } of this.#handsets.values()) {
      if (role === 'own') this.setCoverage(number, scenario.coverage);
    }
    return { title: scenario.title, hint: scenario.hint };
  }

  #addCarrier(options: CarrierOptions, server: LabOptions['server'], state: LabState | undefined): void {
    this.#carriers.set(options.id, {
      options,
      redirection: state?.redirection[options.id] ?? options.redirection,
      switch: new Switch({
        carrier: options,
        host: this.#host,
        server,
        ladder: this.#ladder,
        onCall: (request, origin, named) => this.#trunkCall(options, { ...request, origin, named }),
        log: this.#log,
      }),
    });
    for (const { number, owner, role } of options.handsets) {
      const kept = state?.handsets[number];
      const forwarding = new ForwardingTable(kept?.forwarding);
      const coverage = kept?.coverage ?? 'covered';
      this.#handsets.set(
        number,
        new Handset({ number, owner, role, carrierId: options.id, forwarding, coverage }),
      );
    }
  }

  #createWorld(): CallWorld {
    return {
      ladder: this.#ladder,
      now: Date.now,
      destination: (number) => this.#destination(number),
      openTrunk: (carrierId, request, listener) => {
        const carrier = this.#carriers.get(carrierId);
        if (carrier === undefined) throw new LabError('unknown-carrier', 'The lab has no such carrier.');
        const { keepsUserToUser = true } = carrier.options;
        const userToUser = keepsUserToUser ? request.userToUser : undefined;
        return carrier.switch.call({ ...request, userToUser, redirection: carrier.redirection }, listener);
      },
      setTimer: (callback, delayMs) => {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      changed: () => this.#callChanged(),
    };
  }

  #destination(number: string): Destination {
    const handset = this.#handsets.get(number);
    if (handset !== undefined) return { kind: 'subscriber', handset };
    const carrier = [...this.#carriers.values()].find(
      ({ options: { cNumber, serviceNumbers = [] } }) =>
        cNumber === number || serviceNumbers.includes(number),
    );
    return carrier === undefined ? { kind: 'nowhere' } : { kind: 'trunk', carrierId: carrier.options.id };
  }

  #startCall(caller: Handset, typed: string, withholdNumber: boolean): CallView {
    if (caller.inCall) throw new LabError('handset-busy', 'The handset is in a call.');
    const called = toE164(typed, this.#carrierOf(caller).options.prefix);
    if (called === undefined) throw new LabError('bad-number', 'This is no number that can be dialled.');
    caller.screen = undefined;
    const call = this.#begin(this.#carrierOf(caller).options, { caller, called, withholdNumber });
    return callView(call);
  }

  /** Ringthrough calls over the trunk of a carrier; that goes on like any other call. */
  #trunkCall(
    carrier: CarrierOptions,
    {
      calling,
      called,
      origin,
      named,
    }: TrunkArrivalRequest & { origin: TrunkOrigin; named: (id: string) => void },
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

  #begin(
    { ringback }: CarrierOptions,
    init: Pick<ConstructorParameters<typeof LabCall>[0], 'caller' | 'called' | 'withholdNumber' | 'origin'>,
    named?: (id: string) => void,
  ): LabCall {
    const id = randomBytes(8).toString('hex');
    named?.(id);
    const call = new LabCall({ id, ...init, world: this.#world });
    this.#calls.set(id, call);
    this.#forgetOldCalls();
    this.#ringbacks.set(id, new RingbackTone(ringback));
    call.start();
    this.#callChanged();
    return call;
  }

  #forwarding(handset: Handset, command: ForwardingCommand): DialResult {
    const { prefix } = this.#carrierOf(handset).options;
    const number = command.number === undefined ? undefined : toE164(command.number, prefix);
    if (command.number !== undefined && (number === undefined || number === handset.number)) {
      return this.#show(handset, false, 'Call forwarding', ['This number cannot be forwarded to.']);
    }
    const answer = handset.forwarding.apply({ ...command, number });
    this.#persist();
    return this.#show(handset, answer.ok, answer.title, answer.lines);
  }

  #show(handset: Handset, ok: boolean, title: string, lines: string[]): DialResult {
    handset.screen = { title, lines };
    this.#changed();
    return { kind: 'service', ok, title, lines };
  }

  #tick(): void {
    for (const call of this.#calls.values()) {
      const ringback = this.#ringbacks.get(call.id);
      if (ringback !== undefined) call.tick(() => ringback.next());
    }
  }

  #callChanged(): void {
    const live = [...this.#calls.values()].filter((call) => call.state !== 'ended');
    for (const id of this.#ringbacks.keys()) {
      if (!live.some((call) => call.id === id)) this.#ringbacks.delete(id);
    }
    if (live.length > 0) this.#pacer.start();
    else this.#pacer.stop();
    this.#changed();
  }

  #forgetOldCalls(): void {
    for (const [id, call] of this.#calls) {
      if (this.#calls.size <= keptCalls) return;
      if (call.state !== 'ended') continue;
      this.#calls.delete(id);
      this.#ladder.forget(id);
    }
  }

  #reach(number: string): 'unknown' | 'reachable' | 'unreachable' {
    const handset = this.#handsets.get(number);
    if (handset === undefined) return 'unknown';
    return handset.coverage === 'covered' ? 'reachable' : 'unreachable';
  }

  #find(number: string): Handset {
    const handset = this.#handsets.get(number);
    if (handset === undefined)
      throw new LabError('unknown-handset', 'The lab has no handset with this number.');
    return handset;
  }

  #findCall(id: string): LabCall {
    const call = this.#calls.get(id);
    if (call === undefined) throw new LabError('unknown-call', 'The lab knows no such call.');
    return call;
  }

  #callOf(number: string): LabCall {
    const { call } = this.#find(number);
    if (call === undefined) throw new LabError('no-call', 'The handset is in no call.');
    return this.#findCall(call.id);
  }

  #audio(number: string): HandsetAudio {
    return this.audio(this.#callOf(number).id, number);
  }

  #carrierOf(handset: Handset): Carrier {
    const carrier = this.#carriers.get(handset.carrierId);
    if (carrier === undefined) throw new LabError('unknown-carrier', 'The lab has no such carrier.');
    return carrier;
  }

  #viewHandset(handset: Handset): HandsetView {
    const call = handset.call === undefined ? undefined : this.#calls.get(handset.call.id);
    return handsetView(handset, call, this.#sms);
  }

  #viewCarrier(carrier: Carrier): CarrierView {
    return carrierView(carrier.options, carrier.redirection, carrier.switch.address);
  }

  #persist(): void {
    this.#file?.save({
      version: 1,
      handsets: Object.fromEntries(
        [...this.#handsets.values()].map(({ number, coverage, forwarding }) => [
          number,
          { coverage, forwarding: forwarding.snapshot() },
        ]),
      ),
      redirection: Object.fromEntries([...this.#carriers].map(([id, { redirection }]) => [id, redirection])),
      sms: this.#sms.snapshot(),
    });
  }

  #changed(): void {
    this.#emit({ type: 'changed' });
  }

  #emit(event: LabEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#log.warn({ error }, 'A listener of the lab failed.');
      }
    }
  }
}
