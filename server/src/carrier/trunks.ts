import {
  computeHa1,
  DigestServer,
  type Flow,
  type Ha1,
  parseUri,
  type SipRequest,
  type StatelessAnswer,
} from '@ringthrough/sip';
import { type TrunkConfig, trunkIdAt } from '../config.ts';
import type { Carrier } from './catalogue.ts';
import { type AddressBlock, addressBlock, canonicalAddress, plainAddress } from './cidr.ts';
import { applyHeaderRules } from './header-rules.ts';
import { formatNumber } from './number-format.ts';

/** A carrier by way of one of its trunks. */
export interface CarrierTrunk extends Carrier {
  /** Of the trunk, unique within the carrier. */
  trunkId: string;
  /** What this trunk may bring: always the same object. */
  limits: TrunkConfig;
  numberFormat: TrunkConfig['numberFormat'];
  identity: TrunkConfig['identity'];
  /** The INVITE as it is to be read, by the rules of the trunk. */
  normalise(request: SipRequest): SipRequest;
}

/** Who may try a password, and who tried a wrong one. */
export interface PasswordGuard {
  admits(request: SipRequest, flow: Flow): boolean;
  failed(flow: Flow): void;
}

export interface TrunksOptions {
  carriers: readonly Carrier[];
  guard: PasswordGuard;
  /** Of the digest of trunks that prove themselves by a password. */
  realm: string;
  nonceLifetimeMs: number;
  /** Key of the nonces. */
  secret: string;
  /** Unix milliseconds. */
  now: () => number;
}

interface Entry {
  trunk: CarrierTrunk;
  block: AddressBlock | undefined;
  port: number | undefined;
  domain: string | undefined;
  digest: { username: string; ha1: Ha1 } | undefined;
}

/** Whose switch sends a request: known by what cannot be claimed by just anybody. */
export class Trunks {
  readonly #single: ReadonlyMap<string, readonly Entry[]>;
  readonly #others: readonly Entry[];
  readonly #cNumbers: ReadonlySet<string>;
  readonly #options: TrunksOptions;
  readonly #digest: DigestServer;
  /** What the credentials of a request were worth; each may be checked once. */
  readonly #judged = new WeakMap<SipRequest, { trunk: CarrierTrunk | undefined; stale: boolean }>();

  /** Until when an address, which has given a right password, may send as much as it likes. */
  readonly #proven = new Map<string, number>();

  constructor(options: TrunksOptions) {
    this.#options = options;
    const { carriers, realm, nonceLifetimeMs, secret, now } = options;
    // Switches of today know MD5; see sip.digestAlgorithms.
    this.#digest = new DigestServer({ realm, nonceLifetimeMs, secret, now, algorithms: ['MD5'] });
    const entries = carriers.flatMap((carrier) =>
      carrier.trunks.map((trunk, index) => entryOf(carrier, trunk, { index, realm })),
    );
    const known = entries.filter(({ block, domain, digest }) => (block ?? domain ?? digest) !== undefined);
    this.#single = Map.groupBy(known.filter(isSingle), ({ trunk }) =>
      canonicalAddress(trunk.limits.host ?? ''),
    );
    this.#others = known.filter((entry) => !isSingle(entry));
    const challenged = known.filter(({ digest }) => digest !== undefined);
    this.#cNumbers = new Set(challenged.flatMap(({ trunk }) => dialledForms(trunk)));
  }

  /** The trunk that this request comes from; undefined: from a stranger, or from a trunk that has yet to prove itself. */
  trunkFor(request: SipRequest, flow: Flow): CarrierTrunk | undefined {
    const host = plainAddress(flow.remote.host);
    const exact = this.#single.get(host) ?? none;
    // Almost always: one address, which proves enough.
    const [only] = exact;
    if (only && exact.length === 1 && this.#others.length === 0 && !only.digest) {
      return fits(only, host, flow) ? only.trunk : undefined;
    }
    const candidates = this.#candidates(flow);
    const proven = candidates.find(({ digest }) => digest === undefined);
    if (proven || request.method !== 'INVITE' || candidates.length === 0) return proven?.trunk;
    return this.#judge(request, flow, candidates).trunk;
  }

  /** Whether a trunk is said to be at this very address and port. */
  isNamed({ remote }: Flow): boolean {
    const entries = this.#single.get(plainAddress(remote.host)) ?? none;
    return entries.some(({ port }) => port === remote.port);
  }

  /**
   * How a stranger that may be a trunk is to prove it. Only who calls a C number of such a trunk, or answers a challenge
   * already, is told that anybody is here.
   */
  challenge(request: SipRequest, flow: Flow): StatelessAnswer | undefined {
    if (request.method !== 'INVITE' || !this.#candidates(flow).some(({ digest }) => digest)) return undefined;
    const dialled = parseUri(request.uri)?.user?.split(';')[0]?.replace(/\D/g, '') ?? '';
    const answers = this.#digest.usernameOf(request) !== undefined;
    const judged = this.#judged.get(request);
    if (!answers && !this.#cNumbers.has(dialled)) return undefined;
    // Who has credentials was let through by `trunkFor`, or not.
    if (answers ? judged === undefined : !this.#admits(request, flow)) return undefined;
    const challenges = this.#digest.challenge({ stale: judged?.stale === true, client: clientOf(flow) });
    return { status: 407, headers: challenges.map((value) => ['Proxy-Authenticate', value]) };
  }

  /** Trunks send more than strangers may: those that proved themselves lately are no flood. */
  #admits(request: SipRequest, flow: Flow): boolean {
    const until = this.#proven.get(plainAddress(flow.remote.host)) ?? 0;
    return until > this.#options.now() || this.#options.guard.admits(request, flow);
  }

  /** Who may have sent it, who has said more about itself first. */
  #candidates(flow: Flow): Entry[] {
    const host = plainAddress(flow.remote.host);
    const all = [...(this.#single.get(host) ?? none), ...this.#others];
    return all.filter((entry) => fits(entry, host, flow)).sort((a, b) => weightOf(b) - weightOf(a));
  }

  #judge(request: SipRequest, flow: Flow, entries: readonly Entry[]): { trunk: CarrierTrunk | undefined } {
    const known = this.#judged.get(request);
    if (known) return known;
    const { guard, now, nonceLifetimeMs } = this.#options;
    const username = this.#digest.usernameOf(request);
    if (username === undefined || !this.#admits(request, flow)) return { trunk: undefined };
    const entry = entries.find(({ digest }) => digest?.username === username);
    const client = clientOf(flow);
    const { result } = this.#digest.verify(request, () => entry?.digest?.ha1, client);
    if (result === 'bad' && this.#digest.answersChallenge(request, client)) guard.failed(flow);
    if (result === 'ok') remember(this.#proven, plainAddress(flow.remote.host), now() + nonceLifetimeMs);
    const judged = { trunk: result === 'ok' ? entry?.trunk : undefined, stale: result === 'stale' };
    this.#judged.set(request, judged);
    return judged;
  }
}

const none: readonly Entry[] = [];
const maxProven = 1_000;

function remember(map: Map<string, number>, key: string, until: number): void {
  map.delete(key);
  map.set(key, until);
  const [oldest] = map.keys();
  if (map.size > maxProven && oldest !== undefined) map.delete(oldest);
}

/** Whether the sender is where, and who, the trunk says; its password is another matter. */
function fits({ block, port, domain }: Entry, host: string, flow: Flow): boolean {
  if (port !== undefined && port !== flow.remote.port) return false;
  if (block !== undefined && !block.has(host)) return false;
  return domain === undefined || flow.peerDomains?.includes(domain) === true;
}

/** The source of a datagram is easily forged: only who received the challenge there may answer it. */
const clientOf = (flow: Flow): string => (flow.protocol === 'udp' ? flow.remote.host : '');

const isSingle = ({ trunk }: Entry): boolean =>
  trunk.limits.host !== undefined && !trunk.limits.host.includes('/');

/** How much an entry says about who the sender is. */
function weightOf({ block, port, domain, digest }: Entry): number {
  const proof = (domain === undefined ? 0 : 4_000) + (digest === undefined ? 0 : 2_000);
  return proof + (port === undefined ? 0 : 1_000) + (block?.length ?? 0);
}

/** The digits that a switch may dial for the C number. */
function dialledForms({ cNumber, country }: Carrier): string[] {
  return [cNumber, formatNumber(cNumber, 'national', country)].map((number) => number.replace(/\D/g, ''));
}

function entryOf(
  carrier: Carrier,
  trunk: TrunkConfig,
  { index, realm }: { index: number; realm: string },
): Entry {
  const { host, port, tls, digest, numberFormat, identity, headers = [] } = trunk;
  const ha1 = digest && {
    username: digest.username,
    ha1: {
      md5: computeHa1('MD5', digest.username, realm, digest.password),
      sha256: computeHa1('SHA-256', digest.username, realm, digest.password),
    },
  };
  return {
    trunk: {
      ...carrier,
      trunkId: trunkIdAt(trunk, index),
      limits: trunk,
      numberFormat,
      identity,
      normalise: (request) => applyHeaderRules(request, headers),
    },
    block: host === undefined ? undefined : addressBlock(host),
    port,
    domain: tls?.name.toLowerCase(),
    digest: ha1,
  };
}
