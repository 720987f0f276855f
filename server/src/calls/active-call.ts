import type { Clock } from '@ringthrough/sip';
import type { Alerting } from '../alerting/index.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { MediaPlane } from '../media/index.ts';
import type { DeviceAddress } from '../registration/index.ts';
import type { Arrival } from './arrival.ts';
import { Call } from './call.ts';
import type { CallRecords } from './call-records.ts';
import type {
  CallInput,
  CallLimits,
  CallOutput,
  CallState,
  CallSummary,
  CallTimer,
  DeviceLoss,
  HandOverReason,
} from './call-types.ts';
import type { CallerEnd, CallerLeg } from './caller-leg.ts';
import type { CarrierVoicemail } from './carrier-voicemail.ts';
import { DeviceLeg, type Inviter } from './device-leg.ts';
import type { CalledNumber } from './number-directory.ts';
import type { RingMedia } from './ring-media.ts';
import { callerEnd } from './sip-causes.ts';

/** What every call needs; the same for all of them. */
export interface CallNeighbours {
  inviter: Inviter;
  media: MediaPlane;
  alerting: Pick<Alerting, 'takeCall' | 'missed'>;
  records: CallRecords;
  fabric: Fabric;
  clock: Clock;
  /** Unix milliseconds. */
  now: () => number;
  log: Logger;
  /** SIP domain of the devices. */
  domain: string;
  limits: CallLimits;
  carrierVoicemail: CarrierVoicemail;
  /** The carrier answers calls to this number of the account itself while they ring here: the person is told. */
  carrierAnswers: (accountId: string, number: string) => Promise<void>;
}

export interface ActiveCallOptions {
  id: string;
  arrivedAt: number;
  number: CalledNumber;
  arrival: Arrival;
  carrierId: string;
  caller: CallerLeg;
  ringMedia: RingMedia;
  /** How long the devices ring, milliseconds; as all calls do when undefined. */
  ringTimeoutMs: number | undefined;
  /** For the device legs, one less than the INVITE had. */
  maxForwards: number;
  neighbours: CallNeighbours;
  /** Called once, when nothing of the call is left. */
  onFinished: (call: ActiveCall) => void;
}

/**
 * Carries one call: feeds its core and does what the core says. Inputs are taken one at a time, in order of their
 * arrival; what takes time (media, records) runs beside and comes back as a further input, to be judged by the state
 * the call is in then.
 */
export class ActiveCall {
  readonly id: string;
  readonly number: CalledNumber;
  readonly #options: ActiveCallOptions;
  readonly #neighbours: CallNeighbours;
  readonly #core: Call;
  readonly #log: Logger;
  readonly #legs = new Map<string, DeviceLeg>();
  readonly #addresses = new Map<string, DeviceAddress>();
  readonly #timers = new Map<CallTimer, unknown>();
  readonly #inbox: CallInput[] = [];
  #working = false;
  #broken = false;
  readonly #ringMedia: RingMedia;
  #winner: DeviceLeg | undefined;
  #opened: Promise<void> = Promise.resolve();
  #recorded: Promise<void> = Promise.resolve();
  #announce: () => void = () => undefined;

  constructor(options: ActiveCallOptions) {
    this.id = options.id;
    this.number = options.number;
    this.#options = options;
    this.#neighbours = options.neighbours;
    const { limits } = options.neighbours;
    const { ringTimeoutMs = limits.ringTimeoutMs } = options;
    this.#core = new Call({ ...limits, ringTimeoutMs }, options.arrivedAt);
    this.#ringMedia = options.ringMedia;
    this.#log = options.neighbours.log.child({ callId: options.id });
  }

  get state(): CallState {
    return this.#core.state;
  }

  get accountId(): string {
    return this.number.accountId;
  }

  get arrivedAt(): number {
    return this.#options.arrivedAt;
  }

  /** Rings the devices, or goes to the alerting server when there are none. */
  start(devices: readonly DeviceAddress[]): void {
    const { caller } = this.#options;
    this.#opened = this.#open();
    this.#beside(this.#opened);
    caller.onGone((gone) => this.post(this.#callerGone(gone)));
    caller.media.on('silent', () => this.#silent(caller));
    for (const device of devices) this.#remember(device);
    this.post({ type: 'arrived', devices });
  }

  /** Takes an input; it is worked off before this returns, unless the call is busy with another one. */
  post(input: CallInput): void {
    this.#inbox.push(input);
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) this.#work(next);
    } finally {
      this.#working = false;
    }
  }

  /** These are the addresses of a device now: new ones ring, ringing ones that are gone stop. */
  deviceChanged(deviceId: string, addresses: readonly DeviceAddress[], why: DeviceLoss | undefined): void {
    const flows = addresses.flatMap((address) => [address, ...(address.otherFlows ?? [])]);
    const live = new Set(flows.map((address) => address.contactUri));
    for (const leg of [...this.#legs.values()]) {
      leg.foundAt(flows);
      const { device } = leg;
      if (why === undefined || device.deviceId !== deviceId || live.has(device.contactUri)) continue;
      this.post({ type: 'device-unregistered', deviceId, contactUri: device.contactUri, why });
    }
    for (const device of addresses) {
      this.#remember(device);
      this.post({ type: 'device-registered', device });
    }
  }

  /** Resolves when the call is recorded. */
  async shutdown(): Promise<void> {
    this.post({ type: 'shutdown' });
    await this.#recorded;
  }

  #work(input: CallInput): void {
    try {
      const before = this.#core.state;
      const outputs = this.#core.input(input, this.#neighbours.now());
      if (before !== this.#core.state) {
        this.#log.debug({ input: input.type, from: before, to: this.#core.state }, 'call state');
      }
      for (const output of outputs) this.#carryOut(output);
    } catch (error) {
      this.#log.error({ err: error, input: input.type }, 'a call broke');
      // Once: a call that cannot even be ended is let go.
      if (!this.#broken) this.#inbox.push({ type: 'broken-invariant' });
      this.#broken = true;
    }
  }

  #carryOut(output: CallOutput): void {
    switch (output.type) {
      case 'start-leg':
        this.#startLeg(output.legId, output.device.contactUri, output.device.deviceId);
        return;
      case 'cancel-leg':
        this.#legs.get(output.legId)?.cancel(output.reason);
        return;
      case 'bye-leg':
        this.#legs.get(output.legId)?.bye(output.reason);
        return;
      case 'leg-over':
        this.#legOver(output.legId);
        return;
      case 'ring-caller':
        this.#options.caller.session.progress(180);
        return;
      case 'connect':
        this.#beside(this.#connect(output.legId));
        return;
      case 'answer-caller':
        this.#answerCaller();
        return;
      case 'hand-over':
        this.#beside(this.#handOver(output.reason));
        return;
      case 'end-caller':
        this.#endCaller(output.cause);
        return;
      case 'arm-timer':
        this.#arm(output.timer, output.dueAt);
        return;
      case 'cancel-timer':
        this.#disarm(output.timer);
        return;
      case 'record':
        this.#recorded = this.#record(output.summary);
        this.#beside(this.#recorded);
        return;
      case 'changed':
        this.#changed();
        return;
      case 'finished':
        this.#beside(this.#finish());
        return;
    }
  }

  #startLeg(legId: string, contactUri: string, deviceId: string): void {
    const device = this.#addresses.get(`${deviceId} ${contactUri}`);
    if (device === undefined) throw new Error('a leg to an unknown address');
    const { inviter, domain } = this.#neighbours;
    const { arrival, maxForwards } = this.#options;
    const leg = new DeviceLeg({
      legId,
      device,
      inviter,
      media: this.#ringMedia,
      domain,
      called: this.number.number,
      calling: arrival.calling,
      callingAsserted: arrival.callingAsserted,
      maxForwards,
      tell: (input) => this.post(input),
    });
    this.#legs.set(legId, leg);
    this.#beside(leg.start());
  }

  /** The winner's media is kept for the report. */
  #legOver(legId: string): void {
    const leg = this.#legs.get(legId);
    if (leg !== undefined) this.#beside(leg.close());
  }

  async #connect(legId: string): Promise<void> {
    const leg = this.#legs.get(legId);
    try {
      if (leg === undefined) throw new Error('an unknown leg is to be connected');
      const { caller } = this.#options;
      const media = await leg.negotiate((own) => caller.connect(own));
      media.on('silent', () => this.#silent(leg));
      this.#winner = leg;
      this.post({ type: 'media-ready', legId });
    } catch (error) {
      this.#log.info({ err: error }, 'an answer without usable media');
      this.post({ type: 'media-failed', legId });
    }
  }

  async #handOver(reason: HandOverReason): Promise<void> {
    const { caller } = this.#options;
    try {
      const result = await this.#neighbours.alerting.takeCall({
        ...this.#missedCall(),
        reason,
        carrier: caller,
      });
      this.#announce = result.announce;
      this.post({ type: 'alerting-ended', outcome: result.outcome, answeredAt: result.answeredAt });
    } catch (error) {
      this.#log.error({ err: error }, 'the alerting server failed');
      this.#announce = () => this.#beside(this.#neighbours.alerting.missed(this.#missedCall()));
      this.#endCaller('broken-invariant');
      this.post({ type: 'alerting-ended', outcome: 'failed', answeredAt: undefined });
    }
  }

  #answerCaller(): void {
    const { caller } = this.#options;
    caller.accept();
    const deviceId = this.#winner?.device.deviceId;
    if (deviceId === undefined) return;
    const answeredAt = this.#neighbours.now();
    const noted = () => this.#neighbours.records.answered(this.id, answeredAt, deviceId);
    this.#opened = this.#opened.then(noted);
    this.#beside(this.#opened);
  }

  #endCaller(cause: Parameters<typeof callerEnd>[0]): void {
    const { session } = this.#options.caller;
    const { status, headers } = callerEnd(cause);
    if (session.state === 'early') session.reject(status, { headers });
    else if (session.state !== 'terminated') session.bye({ headers });
  }

  #open(): Promise<void> {
    const { number } = this;
    const { caller, arrival, arrivedAt, carrierId } = this.#options;
    return this.#neighbours.records.open({
      id: this.id,
      accountId: number.accountId,
      called: number.number,
      calling: arrival.calling,
      reason: number.reason,
      carrierId,
      trunkCallId: caller.session.callId,
      arrivedAt,
    });
  }

  /** Written when the media is closed, so that its numbers are final. */
  async #record(summary: CallSummary): Promise<void> {
    const [carrier, client] = await Promise.all([this.#options.caller.close(), this.#winner?.finish()]);
    // Failed or not: it was logged, and the end is written all the same; once more, if there is no row for it yet.
    await this.#opened.catch(() => this.#open()).catch(() => undefined);
    const closed = this.#neighbours.records.close(this.id, summary, { carrier, client });
    // The person is told of the call all the same.
    await closed.catch((error: unknown) => this.#log.error({ err: error }, 'a call could not be recorded'));
    const { outcome, cause, handOver, arrivedAt, endedAt } = summary;
    if (cause === 'answered-by-carrier') {
      // A call that was not forwarded may have rung on the phone itself, too: then it was no voicemail that answered.
      const forwarded = this.number.reason !== 'direct';
      if (forwarded) this.#beside(this.#neighbours.carrierAnswers(this.accountId, this.number.number));
    } else if (cause !== 'caller-cancelled') this.#neighbours.carrierVoicemail.spared(this.number.number);
    this.#log.info({ outcome, cause, handOver, durationMs: endedAt - arrivedAt }, 'call over');
    this.#changed();
    this.#announce();
    const unheard = summary.handOver === undefined && summary.outcome === 'missed';
    if (unheard) await this.#neighbours.alerting.missed(this.#missedCall());
  }

  async #finish(): Promise<void> {
    try {
      await this.#recorded;
    } finally {
      this.#beside(this.#ringMedia.close());
      this.#options.onFinished(this);
    }
  }

  #callerGone({ type, elsewhere, cause }: CallerEnd): CallInput {
    if (type === 'caller-media-failed') return { type, cause };
    if (type !== 'caller-cancelled') return { type };
    const { carrierVoicemail, now } = this.#neighbours;
    const timed = carrierVoicemail.cancelled(this.number.number, now() - this.arrivedAt);
    return { type, byCarrier: elsewhere || timed };
  }

  #missedCall() {
    const { id: callId, accountId, number } = this;
    const { calling } = this.#options.arrival;
    return { callId, accountId, number: number.number, answerMode: number.answerMode, calling };
  }

  /** R-END: the peer should send and does not, or its path is broken. Many send nothing while they hold. */
  #silent(leg: { onHold: boolean }): void {
    if (!leg.onHold) this.post({ type: 'media-silent' });
  }

  #remember(device: DeviceAddress): void {
    this.#addresses.set(`${device.deviceId} ${device.contactUri}`, device);
  }

  #arm(timer: CallTimer, dueAt: number): void {
    const { clock, now } = this.#neighbours;
    const handle = clock.setTimeout(
      () => {
        this.#timers.delete(timer);
        this.post({ type: 'timer', timer });
      },
      Math.max(0, dueAt - now()),
    );
    this.#timers.set(timer, handle);
  }

  #disarm(timer: CallTimer): void {
    this.#neighbours.clock.clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }

  #changed(): void {
    this.#neighbours.fabric.publish('call.changed', { accountId: this.accountId, callId: this.id });
  }

  #beside(task: Promise<unknown>): void {
    task.catch((error: unknown) => this.#log.error({ err: error }, 'a task of a call failed'));
  }
}
