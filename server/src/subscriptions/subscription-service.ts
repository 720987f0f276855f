import { type IncomingRequest, type NotifierSubscription, parseUri, type SipStack } from '@ringthrough/sip';
import type { Fabric, FabricEvents } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { DeviceIdentity, Registrar } from '../registration/index.ts';
import type { EventPackage, Heard, Telling } from './types.ts';

export interface SubscriptionLimits {
  minExpiresSeconds: number;
  maxExpiresSeconds: number;
  defaultExpiresSeconds: number;
  /** Of one device; the oldest one makes room. */
  maxPerDevice: number;
}

export interface SubscriptionServiceOptions {
  acceptor: Pick<SipStack, 'acceptSubscription'>;
  registrar: Pick<Registrar, 'authenticate' | 'isEdge'>;
  fabric: Fabric;
  log: Logger;
  packages: readonly EventPackage[];
  limits: SubscriptionLimits;
}

interface Entry {
  device: DeviceIdentity;
  eventPackage: EventPackage;
  telling: Telling;
  /** Undefined until it is accepted. */
  subscription: NotifierSubscription | undefined;
}

/**
 * Subscriptions of devices (RFC 6665) to what their own account has: who they are is proved by digest, as for calls. A
 * device that is signed out loses them.
 */
export class SubscriptionService {
  readonly #options: SubscriptionServiceOptions;
  /** Of each device, the oldest first. */
  readonly #byDevice = new Map<string, Set<Entry>>();
  readonly #byAccount = new Map<string, Set<Entry>>();
  readonly #unsubscribe: Array<() => void>;
  #closed = false;

  constructor(options: SubscriptionServiceOptions) {
    this.#options = options;
    const { fabric, packages } = options;
    const wanted = new Set(packages.flatMap(({ news }) => [...news]));
    this.#unsubscribe = [
      ...[...wanted].map((type) => this.#listen(type)),
      fabric.subscribe('device.removed', ({ deviceId }) => {
        for (const { subscription } of [...(this.#byDevice.get(deviceId) ?? [])])
          subscription?.terminate('rejected');
      }),
    ];
  }

  /** Live subscriptions. */
  get size(): number {
    let size = 0;
    for (const entries of this.#byDevice.values()) size += entries.size;
    return size;
  }

  /** For the stack's `request`: takes SUBSCRIBE. Its event is one of the stack's packages. */
  handleRequest(incoming: IncomingRequest): boolean {
    if (incoming.request.method !== 'SUBSCRIBE') return false;
    this.#subscribe(incoming).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'a SUBSCRIBE could not be handled');
      incoming.respond(500);
    });
    return true;
  }

  /** Whether a device is told of this package by a subscription of its own. */
  has(deviceId: string, packageName: string): boolean {
    for (const { eventPackage } of this.#byDevice.get(deviceId) ?? []) {
      if (eventPackage.name === packageName) return true;
    }
    return false;
  }

  /** Ends every subscription; subscribers are told to come again later. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#unsubscribe) stop();
    for (const entries of [...this.#byDevice.values()])
      for (const { subscription } of [...entries]) subscription?.terminate('probation');
  }

  async #subscribe(incoming: IncomingRequest): Promise<void> {
    const { registrar, packages, log } = this.#options;
    const { request } = incoming;
    const authentication = await registrar.authenticate(incoming, 401);
    if (this.#closed) {
      incoming.respond(503);
      return;
    }
    if (!authentication.ok) {
      incoming.respond(authentication.status, { headers: authentication.headers, stateless: true });
      return;
    }
    const { device } = authentication;
    const event = request.headers.get('Event')?.split(';', 1)[0]?.trim().toLowerCase();
    const eventPackage = packages.find(({ name }) => name === event);
    if (eventPackage === undefined) {
      const names = packages.map(({ name }) => name).join(', ');
      incoming.respond(489, { headers: [['Allow-Events', names]] });
      return;
    }
    const user = parseUri(request.uri)?.user;
    // The same answer for what is somebody else's and what is nobody's.
    if (user !== undefined && user !== device.sipUser && !eventPackage.users.includes(user)) {
      incoming.respond(403);
      return;
    }
    if (!accepts(request.headers.getAll('Accept'), eventPackage.contentType)) {
      incoming.respond(406, { headers: [['Accept', eventPackage.contentType]] });
      return;
    }
    log.debug({ deviceId: device.deviceId, event }, 'subscribed');
    this.#accept(incoming, device, eventPackage);
  }

  #accept(incoming: IncomingRequest, device: DeviceIdentity, eventPackage: EventPackage): void {
    const telling = eventPackage.open(device);
    const entry: Entry = { device, eventPackage, telling, subscription: undefined };
    let over = false;
    const subscription = this.#options.acceptor.acceptSubscription(incoming, {
      limits: { ...this.#options.limits, minIntervalMs: eventPackage.minIntervalMs },
      // An edge proxy stays in the dialog, and may open another connection; a device does not say where packets go.
      confined: !this.#options.registrar.isEdge(incoming.flow),
      // The last words must not wait for the database.
      state: (cause) => (this.#closed ? undefined : telling.state(cause)),
      ended: () => {
        over = true;
        this.#remove(entry);
      },
    });
    if (subscription === undefined || subscription.ended || over) return;
    entry.subscription = subscription;
    const ofDevice = added(this.#byDevice, device.deviceId, entry);
    added(this.#byAccount, device.accountId, entry);
    const [oldest] = ofDevice;
    if (ofDevice.size > this.#options.limits.maxPerDevice) oldest?.subscription?.terminate('rejected');
  }

  #listen(type: keyof FabricEvents): () => void {
    return this.#options.fabric.subscribe(type, (event) => {
      if (!('accountId' in event)) return;
      for (const { eventPackage, telling, subscription } of this.#byAccount.get(event.accountId) ?? []) {
        if (!eventPackage.news.includes(type)) continue;
        telling.heard?.({ type, event } as Heard);
        subscription?.changed();
      }
    });
  }

  #remove(entry: Entry): void {
    const { deviceId, accountId } = entry.device;
    removed(this.#byDevice, deviceId, entry);
    removed(this.#byAccount, accountId, entry);
  }
}

/** RFC 6665 section 3.1.3: without Accept it is the package's own type. */
function accepts(accepted: string[], type: string): boolean {
  if (accepted.length === 0) return true;
  const [main] = type.split('/');
  return accepted
    .map((value) => value.split(';', 1)[0]?.trim().toLowerCase())
    .some((value) => value === type || value === '*/*' || value === `${main}/*`);
}

function added<T>(map: Map<string, Set<T>>, key: string, value: T): Set<T> {
  const set = map.get(key) ?? new Set<T>();
  map.set(key, set.add(value));
  return set;
}

function removed<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}
