import {
  type Flow,
  type IncomingRequest,
  parseCSeq,
  parseNameAddr,
  parseUri,
  type SipRequest,
} from '@ringthrough/sip';
import { isTemporary } from '../store/index.ts';
import { addressText } from './address-text.ts';
import { type Authentication, Authenticator, type AuthenticatorOptions } from './authenticator.ts';
import type { WantedBinding } from './binding-table.ts';
import type { DeviceAddress, RegisteredContact } from './device-address.ts';
import { DeviceDirectory } from './device-directory.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { EdgeProxies, type EdgeProxy } from './edge-proxies.ts';
import { LocationService, type LocationServiceOptions } from './location-service.ts';
import { type RegisterWay, registerWay } from './path.ts';
import { applyRegister, type RegisterLimits } from './register-contacts.ts';
import { registerResponse } from './register-response.ts';
import type { GuardStats } from './source-guard.ts';

type AcceptedWay = Extract<RegisterWay, { ok: true }>;

export interface RegistrarOptions
  extends LocationServiceOptions,
    Omit<AuthenticatorOptions, 'directory' | 'knows' | 'isEdge' | 'secret'> {
  limits: RegisterLimits;
  /** Devices whose secrets are kept in memory at most; 50,000 (some 30 MB) when absent. */
  maxCachedDevices?: number;
  /** Proxies that devices register through; their Path is believed (RFC 3327). */
  edges?: readonly EdgeProxy[];
  /** Devices that do not say that they know Path are refused behind an edge proxy; they are not when absent. */
  requirePathSupport?: boolean;
  /** RFC 3608: what the requests of devices are to pass; nothing when absent. */
  serviceRoute?: readonly string[];
  /** RFC 5626: told to devices that keep flows; they are not told when absent or 0. */
  flowTimerSeconds?: number;
}

/** What a device is asked to wait when too many writes do already. */
const retryAfterSeconds = 5;

/** See `RegistrarOptions.maxCachedDevices`. */
const defaultCachedDevices = 50_000;

/**
 * The SIP registrar (RFC 3261 section 10.3) and the place to ask who can be reached (R-REG, R-REG-LOST, R-QUERY).
 * A registration that was answered with 200 is stored.
 */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #authenticator: Authenticator;
  readonly #directory: DeviceDirectory;
  readonly #locations: LocationService;
  readonly #edges: EdgeProxies;
  readonly #unsubscribe: () => void;

  constructor(options: RegistrarOptions & { secret: string }) {
    this.#options = options;
    this.#edges = new EdgeProxies(options.edges ?? []);
    this.#directory = new DeviceDirectory(options.store, options.maxCachedDevices ?? defaultCachedDevices);
    this.#locations = new LocationService(options);
    this.#authenticator = new Authenticator({
      ...options,
      directory: this.#directory,
      knows: (flow) => this.knows(flow),
      isEdge: (flow) => this.isEdge(flow),
    });
    this.#unsubscribe = options.fabric.subscribe('device.removed', ({ deviceId }) => {
      void this.removeDevice(deviceId);
    });
  }

  /** Takes the UDP bindings that a restart has left; those of connections are gone. */
  start(): Promise<void> {
    return this.#locations.start();
  }

  /** Answers a REGISTER. Never rejects. */
  async handleRegister(incoming: IncomingRequest): Promise<void> {
    try {
      const authentication = await this.authenticate(incoming, 401);
      if (!authentication.ok) {
        const { repeated } = authentication;
        if (repeated !== undefined && this.#respondAgain(repeated, incoming)) return;
        // Nobody yet: RFC 3261 section 8.2.7 keeps nothing of a request that has to prove itself first.
        incoming.respond(authentication.status, { headers: authentication.headers, stateless: true });
        return;
      }
      // A device registers itself and nobody else (RFC 3261 10.3 step 4).
      const { device } = authentication;
      const user = parseUri(parseNameAddr(incoming.request.headers.get('To') ?? '')?.uri ?? '')?.user;
      if (user !== device.sipUser) {
        incoming.respond(403);
        return;
      }
      await this.#locations.inTurn(device.deviceId, () => this.#register(device, incoming));
    } catch (error) {
      this.#options.log.error({ err: error }, 'registration failed');
      // RFC 3261 section 21.5.4: what the database cannot keep up with is worth another try.
      const busy = isTemporary(error);
      incoming.respond(
        busy ? 503 : 500,
        busy ? { headers: [['Retry-After', String(retryAfterSeconds)]] } : {},
      );
    }
  }

  /**
   * Who sent this request, by digest. The answer to a wrong password is the same as to an unknown user.
   * @param challenge 401 for REGISTER, 407 for calls
   */
  authenticate(from: { request: SipRequest; flow: Flow }, challenge: 401 | 407): Promise<Authentication> {
    return this.#authenticator.authenticate(from, challenge);
  }

  /**
   * False: the request gets no answer. To be asked before a transaction exists, and not for those who are trusted by
   * their address.
   */
  admits(request: SipRequest, flow: Flow): boolean {
    return this.#authenticator.admits(request, flow);
  }

  /** What was dropped, and who is banned; `tooShort`: for the challenge to be no larger. */
  guardStats(): GuardStats & { tooShort: number } {
    return this.#authenticator.stats();
  }

  /**
   * Every live address of every device of the account; empty means not available (R-QUERY). Of several flows to one
   * device (RFC 5626) one address, which has the others.
   */
  async available(accountId: string): Promise<DeviceAddress[]> {
    return this.availableNow(accountId);
  }

  /** `available` where the caller is in the same process. */
  availableNow(accountId: string): DeviceAddress[] {
    return this.#locations.available(accountId);
  }

  /** What is bound for each device of the account and can be reached now, for whoever may know (RFC 3680). */
  contactsOf(accountId: string): RegisteredContact[] {
    return this.#locations.contactsOf(accountId);
  }

  /** Ids of the account's devices that are registered now. */
  registeredDevices(accountId: string): Set<string> {
    return new Set(this.availableNow(accountId).map((address) => address.deviceId));
  }

  /** True when a device is registered over this flow or from this UDP address, or speaks through an edge proxy there. */
  knows(flow: Flow): boolean {
    return this.#locations.knows(flow) || this.isEdge(flow);
  }

  /** True when an edge proxy of ours is there, with any number of devices behind it. */
  isEdge(flow: Flow): boolean {
    return this.#edges.has(flow);
  }

  /** Signed out: its bindings end and its connections are closed. */
  removeDevice(deviceId: string): Promise<void> {
    this.#directory.forget(deviceId);
    return this.#locations.remove(deviceId);
  }

  /** Stops timers and watching; bindings stay stored for the next start. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#locations.close();
  }

  async #register(device: DeviceIdentity, incoming: IncomingRequest): Promise<void> {
    const { request, flow } = incoming;
    const { now, limits } = this.#options;
    const way = this.#wayOf(incoming);
    if (!way.ok) {
      incoming.respond(way.status, { reason: way.reason, headers: way.headers });
      return;
    }
    const { path, outbound } = way;
    const source = {
      transport: flow.protocol,
      local: addressText(flow.local),
      remote: addressText(flow.remote),
      path,
    };
    const current = this.#locations.bindingsOf(device.deviceId);
    const result = applyRegister(current, request, { source, outbound, limits, now: now() });
    if (!result.ok) {
      const headers: Array<[string, string]> =
        result.minExpires === undefined ? [] : [['Min-Expires', String(result.minExpires)]];
      incoming.respond(result.status, { reason: result.reason, headers });
      return;
    }
    if (result.changed) {
      const connection = flow.protocol === 'udp' || path !== undefined ? undefined : flow;
      const bindings = result.bindings.map(
        (binding): WantedBinding =>
          current.find((old) => old === binding) ?? { ...binding, flow: connection, silent: false },
      );
      await this.#locations.register(device, bindings);
    }
    this.#respondOk(device, incoming, way);
  }

  #wayOf({ request, flow }: IncomingRequest): RegisterWay {
    const { requirePathSupport = false } = this.#options;
    return registerWay(request, { fromEdge: this.isEdge(flow), requireSupport: requirePathSupport });
  }

  /**
   * Over UDP a transaction would keep the answer for 32 s, and hundreds of thousands of them when many devices register.
   * RFC 3261 section 8.2.7 does without, where a request that comes again can be recognised by what is kept anyway.
   */
  #respondOk({ deviceId }: DeviceIdentity, incoming: IncomingRequest, way: AcceptedWay): void {
    const { request, flow } = incoming;
    const { now, serviceRoute = [], flowTimerSeconds = 0 } = this.#options;
    const bindings = this.#locations.bindingsOf(deviceId);
    const headers = registerResponse({ bindings, request, way, now: now(), serviceRoute, flowTimerSeconds });
    const stateless = flow.protocol === 'udp' && this.#hasAnswered({ deviceId }, request);
    incoming.respond(200, { headers, stateless });
  }

  /** False: the request is no copy of one that was answered. */
  #respondAgain(device: DeviceIdentity, incoming: IncomingRequest): boolean {
    const way = this.#wayOf(incoming);
    if (!way.ok || !this.#hasAnswered(device, incoming.request)) return false;
    this.#respondOk(device, incoming, way);
    return true;
  }

  /** Whether a binding was made by this very request. Only its device knows both numbers and its password. */
  #hasAnswered({ deviceId }: Pick<DeviceIdentity, 'deviceId'>, { headers }: SipRequest): boolean {
    const bindings = this.#locations.bindingsOf(deviceId);
    const callId = headers.get('Call-ID');
    const cseq = parseCSeq(headers.get('CSeq') ?? '')?.sequence;
    return bindings.some((binding) => binding.callId === callId && binding.cseq === cseq);
  }
}
