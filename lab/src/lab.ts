import type { Handset } from './call/handset.ts';
import { Ladder, type LadderEntry } from './ladder.ts';
import type { HandsetAudio, Heard } from './media/handset-audio.ts';
import { type PromptName, Prompts } from './media/prompts.ts';
import { defaultCarriers } from './model/defaults.ts';
import { LabError } from './model/errors.ts';
import { parseDialled } from './model/mmi.ts';
import type { NewSms, SmsRecord } from './model/sms-centre.ts';
import type { CarrierCondition, CarrierOptions, Coverage, RedirectionHeaders } from './model/types.ts';
import { Calls } from './parts/calls.ts';
import { Carriers } from './parts/carriers.ts';
import { Handsets, type ServiceAnswer } from './parts/handsets.ts';
import type { Hub, LabLog } from './parts/hub.ts';
import { Messages } from './parts/messages.ts';
import { Scenarios, type ScenarioView } from './parts/scenarios.ts';
import { type PostJson, postByFetch } from './sms/http-uplink.ts';
import { type SmsLinkState, SmsLinks } from './sms/sms-links.ts';
import { StateFile } from './state-file.ts';
import { type CallView, type CarrierView, callView, type HandsetView, handsetView } from './views.ts';
import { Simservs } from './xcap/documents.ts';
import type { XcapParts } from './xcap/routes.ts';

export type { LabLog } from './parts/hub.ts';

export interface LabOptions {
  /** Where Ringthrough takes SIP over UDP. */
  server: { host: string; port: number };
  /** Default: `defaultCarriers()`. */
  carriers?: readonly CarrierOptions[];
  /** The address the switches listen on and send RTP from; default 127.0.0.1. */
  host?: string;
  /** JSON file that keeps forwardings, coverage and SMS over a restart; without it they live in memory. */
  stateFile?: string;
  /** TCP port of the SMS centre, where a carrier talks SMPP; default 2775, 0 takes any free one. */
  smppPort?: number;
  /** How carriers without SMPP reach their webhooks; default: over the network. */
  post?: PostJson;
  log?: LabLog;
}

export type LabEvent =
  /** Handsets, calls or carriers changed; ask for what is of interest. */
  { type: 'changed' } | { type: 'ladder'; entry: LadderEntry };

export type DialResult =
  | { kind: 'call'; call: CallView }
  /** A code was answered by the phone or the network. */
  | ServiceAnswer;

/** What a handset says into its call. */
export type Speech = { prompt: string } | { toneHz: number; durationMs: number } | { wav: Uint8Array };

const silentLog: LabLog = { info: () => {}, warn: () => {} };

/** A carrier in a box: handsets with SIMs, a switch and SIP trunk per carrier, and an SMS centre. */
export class Lab {
  /** Where Ringthrough takes SIP. */
  readonly server: Readonly<LabOptions['server']>;
  readonly #log: LabLog;
  readonly #listeners = new Set<(event: LabEvent) => void>();
  readonly #ladder: Ladder;
  readonly #carriers: Carriers;
  readonly #handsets: Handsets;
  readonly #calls: Calls;
  readonly #messages: Messages;
  readonly #smsLinks: SmsLinks;
  readonly #scenarios: Scenarios;
  readonly #simservs: Simservs;
  readonly #file: StateFile | undefined;
  readonly #prompts = new Prompts();

  /** @throws Error when the state file is not the lab's. */
  constructor(options: LabOptions) {
    this.server = options.server;
    this.#log = options.log ?? silentLog;
    this.#file = options.stateFile === undefined ? undefined : new StateFile(options.stateFile);
    const state = this.#file?.load();
    const ladder = new Ladder(Date.now, (entry) => this.#emit({ type: 'ladder', entry }));
    const hub: Hub = {
      log: this.#log,
      changed: () => this.#emit({ type: 'changed' }),
      persist: () => this.#persist(),
    };
    const all = options.carriers ?? defaultCarriers();
    const handsets = new Handsets(hub, all, state?.handsets ?? {});
    const carriers = new Carriers({
      hub,
      host: options.host ?? '127.0.0.1',
      server: options.server,
      ladder,
      carriers: all,
      redirection: state?.redirection ?? {},
      onCall: (...arrival) => this.#calls.arrive(...arrival),
    });
    this.#ladder = ladder;
    this.#handsets = handsets;
    this.#simservs = new Simservs(handsets, state?.simservs);
    this.#carriers = carriers;
    this.#calls = new Calls({
      hub,
      ladder,
      handsets,
      carriers,
      greeting: () => this.#prompts.greeting(),
    });
    this.#messages = new Messages({ hub, handsets, carriers, snapshot: state?.sms });
    this.#smsLinks = new SmsLinks({
      host: options.host ?? '127.0.0.1',
      smppPort: options.smppPort ?? 2775,
      post: options.post ?? postByFetch,
      ...{ hub, carriers, handsets, messages: this.#messages },
      snapshot: state?.smsParts,
    });
    this.#scenarios = new Scenarios(this, { handsets, carriers, messages: this.#messages });
  }

  /** Opens the ports. @throws ListenError of `@ringthrough/sip`, or SmppListenError, when one is taken. */
  async start(): Promise<void> {
    await this.#prompts.load();
    try {
      await this.#carriers.start();
      await this.#smsLinks.start();
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const { number } of this.#handsets.all()) this.#messages.deliverWaiting(number);
  }

  /** Ends every call towards the far end and frees every port. Idempotent. */
  async close(): Promise<void> {
    this.#scenarios.close();
    this.#calls.close();
    this.#messages.close();
    await this.#smsLinks.close();
    await this.#carriers.close();
    this.#listeners.clear();
  }

  /** Calls `listener` after each change; returns how to stop. */
  on(listener: (event: LabEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  carriers(): CarrierView[] {
    return this.#carriers.views();
  }

  /** Which headers tell the called number on this carrier's trunk, from the next call on. */
  setRedirection(carrierId: string, redirection: RedirectionHeaders): CarrierView {
    this.#carriers.setRedirection(carrierId, redirection);
    return this.#carriers.view(carrierId);
  }

  /** Puts machines of a carrier out of order, or in order again; a restart mends them all. */
  setCondition(carrierId: string, condition: Partial<CarrierCondition>): CarrierView {
    this.#carriers.setCondition(carrierId, condition);
    return this.#carriers.view(carrierId);
  }

  handsets(): HandsetView[] {
    return this.#handsets.all().map((handset) => this.#viewHandset(handset));
  }

  /** @throws LabError `unknown-handset`, as does every method that takes a handset's number. */
  handset(number: string): HandsetView {
    return this.#viewHandset(this.#handsets.find(number));
  }

  setCoverage(number: string, coverage: Coverage): HandsetView {
    if (this.#handsets.setCoverage(number, coverage)) this.#messages.deliverWaiting(number);
    return this.handset(number);
  }

  /**
   * The green button: a code of the phone or the network, or a call.
   * @param options.ringMs a missed call: the caller hangs up when it has rung for so long
   * @throws LabError `no-service`, `handset-busy`, `bad-number`
   */
  dial(number: string, typed: string, { ringMs }: { ringMs?: number | undefined } = {}): DialResult {
    const handset = this.#handsets.find(number);
    const { options } = this.#carriers.find(handset.carrierId);
    const dialled = parseDialled(typed, options.family);
    if (handset.coverage === 'off') throw new LabError('no-service', 'The handset is switched off.');
    if (dialled.kind === 'invalid') throw new LabError('bad-number', dialled.text);
    if (dialled.kind === 'imei') return this.#handsets.show(handset, true, 'IMEI', ['00-499901-640000-0']);
    if (handset.coverage !== 'covered') throw new LabError('no-service', 'The handset has no network.');
    if (dialled.kind === 'forwarding') return this.#handsets.forward(handset, dialled, options);
    const call = this.#calls.start(handset, dialled.number, dialled.withholdNumber, ringMs);
    return { kind: 'call', call: callView(call) };
  }

  /** @throws LabError `no-call`, `not-ringing` */
  answer(number: string): CallView {
    const call = this.#calls.of(number);
    call.answer(number);
    return callView(call);
  }

  /** The red button: hangs up, gives up or declines. @throws LabError `no-call` */
  hangUp(number: string): CallView {
    const call = this.#calls.of(number);
    call.hangUp(number);
    return callView(call);
  }

  /** Keys of the keypad in a call, as RFC 4733 events on the trunk. @throws LabError `no-call`, `bad-input` */
  pressKeys(number: string, keys: string): void {
    this.#calls.pressKeys(number, keys);
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
    return this.#calls.audio(callId, number);
  }

  /** A handset sends an SMS to any number. @throws LabError `no-service`, `bad-number` */
  sendSms(number: string, to: string, text: string): SmsRecord {
    return this.#messages.send(number, to, text);
  }

  /** Every SMS of late, newest first. */
  sms(): readonly SmsRecord[] {
    return this.#messages.records();
  }

  /** Switches the carrier's own voicemail for a subscriber. @throws LabError `bad-input` where the carrier has none */
  setCarrierVoicemail(number: string, on: boolean): HandsetView {
    const { voicemailNumber } = this.#carriers.find(this.#handsets.find(number).carrierId).options;
    if (voicemailNumber === undefined) throw new LabError('bad-input', 'This carrier has no voicemail.');
    this.#handsets.setVoicemail(number, on ? voicemailNumber : undefined);
    return this.handset(number);
  }

  clearInbox(number: string): HandsetView {
    this.#messages.clearInbox(number);
    return this.handset(number);
  }

  /** Newest first. */
  calls(): CallView[] {
    return this.#calls.all().reverse().map(callView);
  }

  call(id: string): CallView {
    return callView(this.#calls.find(id));
  }

  ladder(callId: string): readonly LadderEntry[] {
    return this.#ladder.of(this.#calls.find(callId).id);
  }

  /** Does this bearer token belong to a carrier's SMS centre? Takes the same time for each wrong one. */
  mayDeliverSms(token: string): boolean {
    return this.#messages.mayHandIn(token);
  }

  /**
   * Takes an SMS over for a handset; on disk, if there is one, when this returns.
   * @throws LabError `unknown-handset`, `sms-throttled`, `sms-down`
   */
  acceptSms(sms: NewSms): 'accepted' | 'duplicate' {
    return this.#messages.accept({ receipt: this.#smsLinks.wantsReceipts(sms.to), ...sms });
  }

  /** How a carrier's SMS centre and Ringthrough are connected. @throws LabError `unknown-carrier` */
  smsLink(carrierId: string): SmsLinkState {
    return this.#smsLinks.state(carrierId);
  }

  /** Cuts the SMPP connections of a carrier; Ringthrough comes back. @throws LabError `unknown-carrier` */
  dropSmsLink(carrierId: string): { dropped: number } {
    return { dropped: this.#smsLinks.drop(carrierId) };
  }

  /** The TCP port of the SMS centre, once started. */
  get smppPort(): number {
    return this.#smsLinks.smppPort;
  }

  /** Puts everything into a known state. @throws LabError `unknown-scenario` */
  loadScenario(name: string): ScenarioView {
    return this.#scenarios.load(name);
  }

  scenarios(): ScenarioView[] {
    return this.#scenarios.list();
  }

  /** What the carriers' XCAP servers serve. */
  xcap(): XcapParts {
    return { carriers: this.#carriers, handsets: this.#handsets, simservs: this.#simservs };
  }

  #audio(number: string): HandsetAudio {
    return this.#calls.audio(this.#calls.of(number).id, number);
  }

  #viewHandset(handset: Handset): HandsetView {
    const call = handset.call === undefined ? undefined : this.#calls.get(handset.call.id);
    return handsetView(handset, call, this.#messages);
  }

  #persist(): void {
    this.#file?.save({
      version: 1,
      handsets: this.#handsets.snapshot(),
      redirection: this.#carriers.snapshot(),
      simservs: this.#simservs.snapshot(),
      sms: this.#messages.snapshot(),
      smsParts: this.#smsLinks.snapshot(),
    });
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
