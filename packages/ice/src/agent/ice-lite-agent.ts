import { errorCode, unknownAttributes, xorMappedAddress } from '../stun/stun-attributes.ts';
import {
  BINDING_METHOD,
  type ReceivedStunMessage,
  type StunAttribute,
  StunAttributeType,
  serializeStun,
  stunAttribute,
  type TransportAddress,
  verifyIntegrity,
} from '../stun/stun-message.ts';

export type IceLiteState = 'new' | 'connected' | 'disconnected';

export type IceLiteOutput =
  | { type: 'send'; data: Buffer; to: TransportAddress }
  /** This address has proved that it knows the password; what comes from it belongs to this session. */
  | { type: 'validated'; remote: TransportAddress }
  /** The address is given up; what comes from it no longer belongs to this session. */
  | { type: 'forgotten'; remote: TransportAddress }
  /** From now on media goes to this address. */
  | { type: 'selected'; remote: TransportAddress }
  /** No valid check arrived for `consentTimeoutMs`; nothing may be sent (RFC 7675 section 5.1). */
  | { type: 'consent-lost' };

export interface IceLiteAgentOptions {
  localUfrag: string;
  localPassword: string;
  /** RFC 7675 section 5.1: consent expires after 30 seconds. */
  consentTimeoutMs?: number;
  /** Addresses kept per session; the one not heard of for longest makes room. */
  maxPairs?: number;
}

interface Pair {
  remote: TransportAddress;
  priority: number;
  nominated: boolean;
  lastCheckAt: number;
}

/** After this silence a nominated pair of lower priority may take over: the path has changed under the peer. */
const STALE_PAIR_MS = 3000;

const UNDERSTOOD: ReadonlySet<number> = new Set(Object.values(StunAttributeType));

/**
 * ICE-lite agent for one session with one component (RFC 8445 sections 2.5 and 7.3). It sends no checks of its own: it
 * answers the peer's, learns the addresses they come from and follows the peer's nomination. Consent (RFC 7675) is
 * what the peer's checks give. A core without clock and I/O.
 */
export class IceLiteAgent {
  readonly localUfrag: string;
  readonly #password: string;
  readonly #consentTimeoutMs: number;
  readonly #maxPairs: number;
  readonly #pairs: Pair[] = [];
  #selected: Pair | undefined;
  #state: IceLiteState = 'new';

  constructor(options: IceLiteAgentOptions) {
    this.localUfrag = options.localUfrag;
    this.#password = options.localPassword;
    this.#consentTimeoutMs = options.consentTimeoutMs ?? 30_000;
    this.#maxPairs = options.maxPairs ?? 8;
  }

  get state(): IceLiteState {
    return this.#state;
  }

  get selected(): TransportAddress | undefined {
    return this.#selected?.remote;
  }

  /** Every address that has proved itself and was not forgotten. */
  get remotes(): TransportAddress[] {
    return this.#pairs.map((pair) => pair.remote);
  }

  /** When `handleTimeout` wants to be called, in the time of `now`; undefined: not at all. */
  get nextTimeoutAt(): number | undefined {
    if (this.#state !== 'connected') return undefined;
    return Math.max(...this.#pairs.map((pair) => pair.lastCheckAt)) + this.#consentTimeoutMs;
  }

  /** A Binding request whose USERNAME starts with our ufrag. Every other message is ignored. */
  handleRequest(message: ReceivedStunMessage, remote: TransportAddress, now: number): IceLiteOutput[] {
    if (message.class !== 'request' || message.method !== BINDING_METHOD) return [];
    const refusal = this.#refusal(message);
    if (refusal) return [{ type: 'send', data: refusal, to: remote }];
    const outputs: IceLiteOutput[] = [];
    const pair = this.#learn(message, remote, { now, outputs });
    const data = this.#respond(message, 'success', [xorMappedAddress(remote, message.transactionId)]);
    outputs.push({ type: 'send', data, to: remote });
    this.#nominate(pair, message, { now, outputs });
    this.#state = 'connected';
    return outputs;
  }

  handleTimeout(now: number): IceLiteOutput[] {
    const due = this.nextTimeoutAt;
    if (due === undefined || now < due) return [];
    this.#state = 'disconnected';
    return [{ type: 'consent-lost' }];
  }

  #refusal(message: ReceivedStunMessage): Buffer | undefined {
    if (!verifyIntegrity(message, this.#password)) {
      // RFC 8489 section 9.1.3; without MESSAGE-INTEGRITY, for the asker does not know the password.
      const attributes = [errorCode(401, 'Unauthorized')];
      return serializeStun({ ...answerTo(message), class: 'error', attributes });
    }
    const unknown = message.attributes.map(({ type }) => type).filter((type) => isUnknownRequired(type));
    if (unknown.length > 0) {
      const attributes = [errorCode(420, 'Unknown Attribute'), unknownAttributes(unknown)];
      return this.#respond(message, 'error', attributes);
    }
    if (stunAttribute(message, StunAttributeType.priority)?.length !== 4) {
      return this.#respond(message, 'error', [errorCode(400, 'Bad Request')]);
    }
    if (stunAttribute(message, StunAttributeType.iceControlled)) {
      // RFC 8445 section 6.1.1: the full agent controls a lite one, so the peer has to switch (section 7.3.1.1).
      return this.#respond(message, 'error', [errorCode(487, 'Role Conflict')]);
    }
    return undefined;
  }

  #respond(message: ReceivedStunMessage, kind: 'success' | 'error', attributes: StunAttribute[]): Buffer {
    return serializeStun({ ...answerTo(message), class: kind, attributes }, { key: this.#password });
  }

  /** Any address a valid check comes from is a peer-reflexive candidate (RFC 8445 section 7.3.1.3). */
  #learn(message: ReceivedStunMessage, remote: TransportAddress, context: Context): Pair {
    const priority = new DataView(
      Uint8Array.from(stunAttribute(message, StunAttributeType.priority)!).buffer,
    );
    let pair = this.#pairs.find((known) => sameAddress(known.remote, remote));
    if (!pair) {
      if (this.#pairs.length >= this.#maxPairs) this.#forgetOldest(context);
      pair = { remote, priority: 0, nominated: false, lastCheckAt: context.now };
      this.#pairs.push(pair);
      context.outputs.push({ type: 'validated', remote });
    }
    pair.priority = priority.getUint32(0);
    pair.lastCheckAt = context.now;
    return pair;
  }

  #forgetOldest(context: Context): void {
    const others = this.#pairs.filter((pair) => pair !== this.#selected);
    const oldest = others.reduce((a, b) => (b.lastCheckAt < a.lastCheckAt ? b : a));
    this.#pairs.splice(this.#pairs.indexOf(oldest), 1);
    context.outputs.push({ type: 'forgotten', remote: oldest.remote });
  }

  /**
   * Media flows to the first valid pair at once and to a nominated one as soon as there is one. Between nominated
   * pairs the peer's priority decides, as with aggressive nomination (RFC 5245 section 8.1.1.2), unless the pair in
   * use has fallen silent.
   */
  #nominate(pair: Pair, message: ReceivedStunMessage, { now, outputs }: Context): void {
    const nominating = stunAttribute(message, StunAttributeType.useCandidate) !== undefined;
    if (nominating) pair.nominated = true;
    const current = this.#selected;
    if (pair === current) return;
    const stale = current !== undefined && now - current.lastCheckAt > STALE_PAIR_MS;
    const better = nominating && (!current?.nominated || pair.priority >= current.priority);
    if (current && !better && !(stale && (nominating || !current.nominated))) return;
    this.#selected = pair;
    outputs.push({ type: 'selected', remote: pair.remote });
  }
}

interface Context {
  now: number;
  outputs: IceLiteOutput[];
}

function answerTo(message: ReceivedStunMessage): { method: number; transactionId: Uint8Array } {
  return { method: message.method, transactionId: message.transactionId };
}

/** Types below 0x8000 must be understood (RFC 8489 section 14). */
function isUnknownRequired(type: number): boolean {
  return type < 0x8000 && !UNDERSTOOD.has(type);
}

function sameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.address === b.address;
}
