import { type DigestAlgorithm, DigestServer, type Flow, type SipRequest } from '@ringthrough/sip';
import { challengesThatFit } from './challenge-size.ts';
import type { DeviceDirectory } from './device-directory.ts';
import type { DeviceIdentity, DeviceWithSecret } from './device-identity.ts';
import type { GuardStats, SourceGuard } from './source-guard.ts';

export interface AuthenticatorOptions {
  directory: DeviceDirectory;
  /** Unix milliseconds. */
  now: () => number;
  /** Of the digest; the HA1s in the store were made with it. */
  realm: string;
  /** Key of the nonces. */
  secret: string;
  nonceLifetimeMs: number;
  /** Nonces in use that are remembered at most; see `DigestServerOptions.maxNonces`. */
  maxNonces?: number;
  /** Offered to devices in this order; SHA-256 and then MD5 when absent. */
  digestAlgorithms?: readonly DigestAlgorithm[];
  /** Absent: everybody gets an answer. */
  guard?: SourceGuard;
  /** How many times as large as the request the challenge to a stranger on UDP may be; unlimited when absent. */
  maxUdpAnswerRatio?: number;
  /** Whether a device is registered over this flow or from this UDP address. */
  knows: (flow: Flow) => boolean;
  /** Whether an edge proxy is there: what one of those behind it does is not held against it. */
  isEdge: (flow: Flow) => boolean;
}

export type Authentication =
  | { ok: true; device: DeviceIdentity }
  /** The response to give: 401 or 407 with these headers, or 403. */
  | {
      ok: false;
      status: number;
      headers: Array<[string, string]>;
      /** Whose credentials these are, right but used before: the request may be one that was answered already. */
      repeated: DeviceIdentity | undefined;
    };

/** Who may speak, and who it is: digest for devices, and as little as possible for strangers. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #digest: DigestServer;
  /** Challenges as large as those that are given. */
  readonly #sample: string[];
  #withoutRoom = 0;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    const { realm, nonceLifetimeMs, secret, now, digestAlgorithms, maxNonces } = options;
    this.#digest = new DigestServer({
      ...{ realm, nonceLifetimeMs, secret, now },
      ...(maxNonces === undefined ? {} : { maxNonces }),
      ...(digestAlgorithms === undefined ? {} : { algorithms: digestAlgorithms }),
    });
    this.#sample = this.#digest.challenge();
  }

  /**
   * Who sent this request, by digest. The answer to a wrong password is the same as to an unknown user.
   * @param challenge 401 for REGISTER, 407 for calls
   */
  async authenticate(
    { request, flow }: { request: SipRequest; flow: Flow },
    challenge: 401 | 407,
  ): Promise<Authentication> {
    const { directory, guard, knows, isEdge } = this.#options;
    // A datagram's source is easily forged: only who received the challenge there may answer it. Otherwise a device
    // could register the address of a trunk, whose calls would be taken for its own, or of somebody to be flooded.
    const client = flow.protocol === 'udp' ? flow.remote.host : '';
    let found: ReturnType<DeviceDirectory['bySipUser']> | undefined;
    let device: DeviceWithSecret | undefined;
    const lookUp = async (username: string) => {
      found = directory.bySipUser(username);
      device = await found;
      return device?.ha1;
    };
    const verdict = await this.#digest.verifyAsync(request, lookUp, client);
    if (verdict.result === 'ok' && device !== undefined) {
      const { ha1: _, ...identity } = device;
      return { ok: true, device: identity };
    }
    if (verdict.result === 'bad') {
      if (!isEdge(flow) && this.#digest.answersChallenge(request, client)) guard?.failed(flow, knows(flow));
      // The store was asked for a name that nobody has; one that memory knows must not answer sooner.
      if (device !== undefined && device === found) await directory.read(device.sipUser);
    }
    const offered = this.#digest.challenge({ stale: verdict.result === 'stale', client });
    const challenges = this.#fitting(request, flow, offered) ?? offered;
    const name = challenge === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate';
    const repeated = verdict.result === 'stale' && verdict.repeated ? device : undefined;
    return { ok: false, status: challenge, headers: challenges.map((value) => [name, value]), repeated };
  }

  /**
   * False: the request gets no answer. To be asked before a transaction exists, and not for those who are trusted by
   * their address.
   */
  admits(request: SipRequest, flow: Flow): boolean {
    const { guard, knows } = this.#options;
    if (guard?.admits(request, flow, knows(flow)) === false) return false;
    if (request.method !== 'REGISTER' || this.#fitting(request, flow, this.#sample)) return true;
    this.#withoutRoom += 1;
    return false;
  }

  /** What was dropped, and who is banned; `tooShort`: for the challenge to be no larger. */
  stats(): GuardStats & { tooShort: number } {
    const none: GuardStats = { scanner: 0, flood: 0, ban: 0, bans: 0, banned: 0 };
    return { ...(this.#options.guard?.stats() ?? none), tooShort: this.#withoutRoom };
  }

  /** Undefined: no challenge can be given. */
  #fitting(request: SipRequest, flow: Flow, challenges: string[]): readonly string[] | undefined {
    const { maxUdpAnswerRatio: ratio, knows } = this.#options;
    if (ratio === undefined || flow.protocol !== 'udp' || knows(flow)) return challenges;
    return challengesThatFit(request, challenges, ratio);
  }
}
