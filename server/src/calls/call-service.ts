import type { Flow, IncomingRequest, SipRequest, StatelessAnswer, UasSession } from '@ringthrough/sip';
import { parseUri, TransientMap, TransientSet } from '@ringthrough/sip';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import { MediaError, type MediaPlane } from '../media/index.ts';
import type { Registrar } from '../registration/index.ts';
import { isTemporary, newId, type Store } from '../store/index.ts';
import { ActiveCall, type CallNeighbours } from './active-call.ts';
import { type Arrival, readArrival } from './arrival.ts';
import { type CallRecord, CallRecords } from './call-records.ts';
import type { CallState, DeviceLoss } from './call-types.ts';
import { CallerLeg } from './caller-leg.ts';
import { CarrierVoicemail, type CarrierVoicemailRules } from './carrier-voicemail.ts';
import type { TrunkNumbers } from './diverted-numbers.ts';
import { echoCall } from './echo-call.ts';
import { type CallInterceptor, type Interception, specialCall } from './interceptor.ts';
import { type CalledNumber, NumberDirectory } from './number-directory.ts';
import { RingMedia } from './ring-media.ts';
import { type LoopRules, routingLoop } from './routing-loop.ts';
import { mediaRefusal, type Refusal, refusalResponse } from './sip-causes.ts';
import { type TrunkLimits, TrunkLoad } from './trunk-load.ts';

/** A trunk, as far as calls care. */
export interface Trunk {
  /** Of the carrier. */
  id: string;
  /** E.164. */
  cNumber: string;
  /** ISO 3166. */
  country: string;
  /** Whether its P-Asserted-Identity is believed (RFC 3325); it is unless this is false. */
  trustIdentity?: boolean | undefined;
  /** How long the devices ring for calls of this carrier, seconds; the house's time unless this is given. */
  ringTimeoutSeconds?: number | undefined;
  /** How it writes numbers, and where it says who calls: see `TrunkNumbers`. */
  numberFormat?: TrunkNumbers['numberFormat'];
  identity?: TrunkNumbers['identity'];
  /** Of the trunk itself, not of its carrier: always the same object for the same trunk. */
  limits?: TrunkLimits;
  /** The INVITE as it is to be read, by the header rules of the trunk. */
  normalise?(request: SipRequest): SipRequest;
}

/** Whose switch sends from there. */
export interface TrunkDirectory {
  /** Undefined: a stranger, or a trunk that has yet to prove itself. Always the same for the same request. */
  trunkFor(request: SipRequest, flow: Flow): Trunk | undefined;
  /** Whether a trunk is said to be at this very address and port: then whoever registers from there is no device. */
  isNamed?(flow: Flow): boolean;
  /** How a stranger that may be a trunk has to prove it; undefined: it gets no answer. After `trunkFor`. */
  challenge?(request: SipRequest, flow: Flow): StatelessAnswer | undefined;
  /** The carrier with this C number, E.164; undefined if there is none. */
  byCNumber(number: string): unknown;
}

export interface CallServiceOptions extends Omit<CallNeighbours, 'records' | 'limits' | 'carrierVoicemail'> {
  store: Store;
  fabric: Fabric;
  media: MediaPlane;
  log: Logger;
  registrar: Registrar;
  trunks: TrunkDirectory;
  /** Shared with whoever else calls over the trunks. */
  trunkLoad?: TrunkLoad;
  /** Asked in their order before anybody's number is looked up, and before the guard against loops. */
  interceptors?: readonly CallInterceptor[];
  ringTimeoutMs: number;
  maxDurationMs: number;
  /** Calls that were diverted more often are not taken. */
  maxDiversions: number;
  /** When a carrier is believed to answer our calls itself. */
  carrierVoicemail: CarrierVoicemailRules;
  maxConcurrent: number;
  maxConcurrentPerAccount: number;
}

/** How long a device that lost its network has to come back: while it rings, and in a conversation. */
const graceMs = 8_000;
/** A device that is there rings within a second or two. */
const noRingMs = 10_000;
const deviceLostMs = 15_000;
const connectTimeoutMs = 5_000;
const maxEchoMs = 5 * 60_000;
const maxLegs = 50;
const defaultMaxForwards = 70;

/** A call in progress, as others may see it. */
export interface ActiveCallView {
  id: string;
  accountId: string;
  state: CallState;
  arrivedAt: number;
}

/** Takes INVITEs of trunks and devices and keeps every call until it is over (R-IN … R-END). */
export class CallService {
  readonly #options: CallServiceOptions;
  readonly #neighbours: CallNeighbours;
  readonly #records: CallRecords;
  readonly #numbers: NumberDirectory;
  readonly #calls = new TransientMap<ActiveCall>();
  readonly #byAccount = new TransientMap<ActiveCall[]>();
  /** Calls being looked up, and echo calls: they count, but nobody has to know them. */
  readonly #others = new TransientSet<Promise<void>>();
  /** Devices that hear themselves now. */
  readonly #echoing = new Map<string, AbortController>();
  readonly #unsubscribe: Array<() => void>;
  readonly #trunkLoad: TrunkLoad;
  readonly #loopRules: LoopRules;
  #closing = false;

  constructor(options: CallServiceOptions) {
    this.#options = options;
    this.#records = new CallRecords(options.store);
    this.#numbers = new NumberDirectory(options.store);
    this.#trunkLoad = options.trunkLoad ?? new TrunkLoad(options.now);
    const { ringTimeoutMs, maxDurationMs } = options;
    this.#neighbours = {
      ...options,
      records: this.#records,
      carrierVoicemail: new CarrierVoicemail(options.carrierVoicemail),
      limits: { ringTimeoutMs, noRingMs, maxDurationMs, graceMs, deviceLostMs, connectTimeoutMs, maxLegs },
    };
    const { fabric, trunks, maxDiversions } = options;
    this.#loopRules = { isCNumber: (number) => trunks.byCNumber(number) !== undefined, maxDiversions };
    this.#unsubscribe = [
      fabric.subscribe('device.registered', (event) => this.#deviceChanged(event.accountId, event.deviceId)),
      fabric.subscribe('device.unregistered', ({ accountId, deviceId, why }) =>
        this.#deviceChanged(accountId, deviceId, why),
      ),
      fabric.subscribe('device.removed', ({ accountId, deviceId }) => this.#signedOut(accountId, deviceId)),
      fabric.subscribe('account.closed', ({ accountId }) => {
        for (const call of this.#byAccount.get(accountId) ?? []) void call.shutdown();
      }),
    ];
  }

  /** Ends the records of calls that the last process left open. After `Alerting.start`. @returns how many */
  start(): Promise<number> {
    return this.#records.recover(this.#options.now());
  }

  /**
   * For `SipStackOptions.screen`: strangers may register and nothing else; anything else of theirs gets no answer
   * that would tell a scanner that somebody is here.
   */
  screen(request: SipRequest, flow: Flow): boolean | StatelessAnswer {
    if (this.#trunkOf(request, flow) !== undefined) return true;
    const { registrar, trunks } = this.#options;
    if (request.method === 'REGISTER' || registrar.knows(flow)) return registrar.admits(request, flow);
    return (flow.protocol !== 'ws' && trunks.challenge?.(request, flow)) || false;
  }

  /** For the stack's `request`: takes REGISTER, leaves the rest (OPTIONS) to the stack. */
  handleRequest(incoming: IncomingRequest): boolean {
    if (incoming.request.method !== 'REGISTER') return false;
    void this.#options.registrar.handleRegister(incoming);
    return true;
  }

  /** For `OverloadOptions.hasRoom`: false, and further calls are refused before anything is done for them. */
  hasRoom(): boolean {
    return !this.#closing && this.#calls.size + this.#others.size < this.#options.maxConcurrent;
  }

  /** For the stack's `invite`. */
  handleInvite(session: UasSession): void {
    const trunk = this.#trunkOf(session.request, session.flow);
    if (!this.hasRoom()) {
      refuse(session, 'overload');
      return;
    }
    if (trunk?.limits !== undefined && !this.#trunkLoad.admits(trunk.limits, session)) {
      refuse(session, 'overload');
      return;
    }
    const task = trunk === undefined ? this.#fromDevice(session) : this.#fromTrunk(session, trunk);
    const guarded = task.catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'an INVITE could not be handled');
      // A carrier with another way takes it, and this one again later.
      refuse(session, isTemporary(error) ? 'overload' : 'internal');
    });
    const place = this.#others.add(guarded);
    void guarded.then(() => this.#others.delete(place));
  }

  /** Calls in progress. */
  active(): ActiveCallView[] {
    return this.#calls.values().map(({ id, accountId, state, arrivedAt }) => ({
      id,
      accountId,
      state,
      arrivedAt,
    }));
  }

  /** Finished calls of the account, newest first. @param options.before only what arrived earlier, unix milliseconds */
  history(accountId: string, options: { before?: number; limit: number }): Promise<CallRecord[]> {
    return this.#records.history(accountId, options);
  }

  /** Takes no more calls, ends those in progress and resolves when they are recorded. Idempotent. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const stop of this.#unsubscribe) stop();
    for (const echo of this.#echoing.values()) echo.abort();
    const calls = this.#calls.values().map((call) => call.shutdown());
    await Promise.allSettled([...calls, ...this.#others.values()]);
  }

  async #fromTrunk(session: UasSession, trunk: Trunk): Promise<void> {
    const caller = new CallerLeg(session, this.#options.media);
    const arrivedAt = this.#options.now();
    const id = newId();
    const maxForwards = Number(session.request.headers.get('Max-Forwards') ?? defaultMaxForwards);
    if (maxForwards < 1) return refuse(session, 'too-many-hops');
    const request = trunk.normalise?.(session.request) ?? session.request;
    const arrival = readArrival(request, trunk);
    const intercepted = await this.#intercept(session, { request, arrival, trunk, arrivedAt });
    if (intercepted !== undefined) {
      this.#options.log.info({ carrierId: trunk.id }, 'a call for the system itself');
      session.reject(intercepted.status, { headers: [['Reason', intercepted.reason]] });
      return;
    }
    const number = await this.#numbers.firstLinked(arrival.called);
    const refused = (accountId: string | null, outcome: 'unknown-number' | 'failed', cause: Refusal) => {
      refuse(session, cause);
      return this.#recordRefusal({ id, session, trunk, arrival, arrivedAt, accountId }, outcome, cause);
    };
    const loop = routingLoop(request, arrival, trunk, this.#loopRules);
    if (loop !== undefined) return refused(number?.accountId ?? null, 'failed', loop);
    if (number === undefined) return refused(null, 'unknown-number', 'unknown-number');
    if (this.#callsOf(number.accountId) >= this.#options.maxConcurrentPerAccount) {
      return refused(number.accountId, 'failed', 'account-busy');
    }
    const ringMedia = new RingMedia({ callId: id, media: this.#options.media, codecs: () => caller.codecs });
    try {
      const devices = this.#options.registrar.availableNow(number.accountId);
      const prepared = caller.prepare(id, devices.length > 0);
      // Beside the caller's: the sooner the devices ring.
      if (devices.some(({ transport }) => transport !== 'ws')) ringMedia.prepare();
      await prepared;
      await this.#ring({
        id,
        arrivedAt,
        arrival,
        number,
        caller,
        ringMedia,
        carrierId: trunk.id,
        ringTimeoutMs: trunk.ringTimeoutSeconds === undefined ? undefined : trunk.ringTimeoutSeconds * 1000,
        maxForwards: maxForwards - 1,
      });
    } catch (error) {
      await Promise.all([caller.close(), ringMedia.close()]);
      if (!(error instanceof MediaError)) throw error;
      return refused(number.accountId, 'failed', mediaRefusal(error));
    }
  }

  /** Nothing is held up where nobody has to think about it. */
  async #intercept(
    session: UasSession,
    at: { request: SipRequest; arrival: Arrival; trunk: Trunk; arrivedAt: number },
  ): Promise<Interception | undefined> {
    const { interceptors = [] } = this.#options;
    if (interceptors.length === 0) return undefined;
    const call = specialCall(session, at);
    for (const interceptor of interceptors) {
      const verdict = interceptor(call);
      const interception = verdict instanceof Promise ? await verdict : verdict;
      if (interception !== undefined) return interception;
    }
    return undefined;
  }

  async #ring(call: {
    id: string;
    arrivedAt: number;
    arrival: Arrival;
    number: CalledNumber;
    caller: CallerLeg;
    ringMedia: RingMedia;
    carrierId: string;
    ringTimeoutMs: number | undefined;
    maxForwards: number;
  }): Promise<void> {
    const devices = await this.#options.registrar.available(call.number.accountId);
    const active = new ActiveCall({
      ...call,
      neighbours: this.#neighbours,
      onFinished: (finished) => this.#forget(finished),
    });
    this.#calls.set(active.id, active);
    this.#byAccount.set(active.accountId, [...(this.#byAccount.get(active.accountId) ?? []), active]);
    active.start(devices);
    if (this.#closing) await active.shutdown();
  }

  /** The audio test call; devices call nobody else (R-UNKNOWN: no relaying). */
  async #fromDevice(session: UasSession): Promise<void> {
    const authentication = await this.#options.registrar.authenticate(session, 407);
    if (!authentication.ok) {
      session.reject(authentication.status, { headers: authentication.headers });
      return;
    }
    if (parseUri(session.request.uri)?.user !== 'echo') return refuse(session, 'unknown-number');
    const { deviceId } = authentication.device;
    // Tests must not take the places of calls: one for each device, and not for ever.
    if (this.#echoing.has(deviceId)) return refuse(session, 'account-busy');
    const echo = new AbortController();
    this.#echoing.set(deviceId, echo);
    const { clock, media } = this.#options;
    const timer = clock.setTimeout(() => echo.abort(), maxEchoMs);
    try {
      await echoCall(session, media, { callId: newId(), signal: echo.signal });
    } finally {
      clock.clearTimeout(timer);
      this.#echoing.delete(deviceId);
    }
  }

  #recordRefusal(
    call: {
      id: string;
      session: UasSession;
      trunk: Trunk;
      arrival: Arrival;
      arrivedAt: number;
      accountId: string | null;
    },
    outcome: 'unknown-number' | 'failed',
    cause: Refusal,
  ): Promise<void> {
    const { id, arrivedAt, accountId, arrival, trunk, session } = call;
    const first = arrival.called[0];
    const record = {
      id,
      arrivedAt,
      accountId,
      called: first?.number ?? null,
      calling: arrival.calling,
      reason: first?.reason ?? 'unknown',
      carrierId: trunk.id,
      trunkCallId: session.callId,
    };
    this.#options.log.info({ carrierId: trunk.id, cause }, 'call refused');
    return this.#records.refused(record, outcome, cause);
  }

  /** Also what is not registered any more may still be talking. */
  #signedOut(accountId: string, deviceId: string): void {
    this.#echoing.get(deviceId)?.abort();
    for (const call of this.#byAccount.get(accountId) ?? []) call.deviceChanged(deviceId, [], 'removed');
  }

  #deviceChanged(accountId: string, deviceId: string, why?: DeviceLoss): void {
    if (!this.#byAccount.has(accountId)) return;
    this.#options.registrar.available(accountId).then(
      (addresses) => {
        const ofDevice = addresses.filter((address) => address.deviceId === deviceId);
        for (const call of this.#byAccount.get(accountId) ?? []) call.deviceChanged(deviceId, ofDevice, why);
      },
      (error: unknown) => this.#options.log.error({ err: error }, 'cannot ask who is available'),
    );
  }

  #forget(call: ActiveCall): void {
    this.#calls.delete(call.id);
    const others = (this.#byAccount.get(call.accountId) ?? []).filter((one) => one !== call);
    if (others.length > 0) this.#byAccount.set(call.accountId, others);
    else this.#byAccount.delete(call.accountId);
  }

  #callsOf(accountId: string): number {
    return this.#byAccount.get(accountId)?.length ?? 0;
  }

  /** A device behind a trunk's address (a trunk that names no port) stays a device. An edge proxy may be a trunk, too. */
  #trunkOf(request: SipRequest, flow: Flow): Trunk | undefined {
    const { registrar, trunks } = this.#options;
    if (flow.protocol === 'ws') return undefined;
    const device = registrar.knows(flow) && !registrar.isEdge(flow);
    if (device && trunks.isNamed?.(flow) !== true) return undefined;
    return trunks.trunkFor(request, flow);
  }
}

function refuse(session: UasSession, refusal: Refusal): void {
  const { status, options } = refusalResponse(refusal);
  session.reject(status, options);
}
