import { timingSafeEqual } from 'node:crypto';
import { type AuthParams, parseAuthParams, quote, type SipRequest, uriEquals } from '../message/index.ts';
import { type DigestAlgorithm, digestAlgorithm, digestResponse, type Ha1 } from './digest.ts';
import { HmacSha256 } from './hmac.ts';
import { type Nonce, NonceMint } from './nonces.ts';
import { ReplayGuard } from './replay-guard.ts';

/** Settings of a {@link DigestServer}. */
export interface DigestServerOptions {
  realm: string;
  /** How long a nonce is accepted. */
  nonceLifetimeMs: number;
  /** Key of the nonces. Processes that share it accept each other's, but each guards against replay on its own. */
  secret: string | Uint8Array;
  /** Unix milliseconds. */
  now: () => number;
  /** Nonces in use that are remembered at most; 1,000,000 when absent. They take 32 to 64 bytes each. */
  maxNonces?: number;
  /** Offered in this order, and no other is accepted; SHA-256 and then MD5 when absent. */
  algorithms?: readonly DigestAlgorithm[];
}

/** What {@link DigestServer.verify} found. */
export type DigestVerdict =
  | { result: 'ok'; username: string }
  /**
   * Right password, but the nonce is used up: challenge with stale. `repeated`: the nonce is good, and it is this count
   * that was used: either somebody replays a request, or it is one that was sent again because its answer was lost.
   */
  | { result: 'stale'; username: string; repeated: boolean }
  /** `missing`: no credentials for this realm. */
  | { result: 'missing' | 'bad'; username?: string };

interface Credentials {
  username: string;
  params: Map<string, string>;
  algorithm: DigestAlgorithm | undefined;
}

const maxUsernameLength = 256;
const noBytes = new Uint8Array(0);

/**
 * The server side of digest authentication: RFC 8760 over RFC 7616 and RFC 3261 22, MD5 and SHA-256, qop=auth.
 *
 * Requests without qop (RFC 2069) are accepted for MD5, because some old telephones know nothing else. Without a
 * count they could be replayed for as long as the nonce lives, so such a nonce passes once and is then used up: the
 * telephone is told `stale` and comes again with the next one. That is as strong against replay as qop=auth. What is
 * missing is the client's own random part, which protects the client from a false server, not us.
 */
export class DigestServer {
  readonly #options: DigestServerOptions;
  readonly #mint: NonceMint;
  readonly #hmac: HmacSha256;
  readonly #guard: ReplayGuard;
  readonly #algorithms: readonly DigestAlgorithm[];
  #nextSweep = 0;

  constructor(options: DigestServerOptions) {
    this.#options = options;
    this.#mint = new NonceMint(options.secret);
    this.#hmac = new HmacSha256(options.secret);
    this.#guard = new ReplayGuard(options.maxNonces ?? 1_000_000, options.nonceLifetimeMs / 4);
    this.#algorithms = options.algorithms ?? ['SHA-256', 'MD5'];
  }

  /**
   * Values for WWW-Authenticate or Proxy-Authenticate, one header line each, the preferred algorithm first: the client
   * takes the first that it knows (RFC 8760 2.4).
   * @param options.client whom it goes to, such as an IP address: the answer is accepted from there only (RFC 7616 5.4)
   */
  challenge(options: { stale?: boolean; client?: string } = {}): string[] {
    const nonce = this.#mint.issue(this.#options.now(), options.client ?? '');
    const stale = options.stale === true ? ', stale=true' : '';
    return this.#algorithms.map(
      (algorithm) =>
        `Digest realm=${quote(this.#options.realm)}, nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale}`,
    );
  }

  /** The user name that the credentials for our realm claim, unverified; for looking the user up beforehand. */
  usernameOf(request: SipRequest): string | undefined {
    return this.#credentials(request)?.username;
  }

  /**
   * Checks Authorization and Proxy-Authorization. Each call uses its count up: call it once per request, after
   * retransmissions are absorbed. An unknown user costs the same time as a wrong password.
   * @param client as given to `challenge`; right credentials with the nonce of another client are `stale`
   */
  verify(request: SipRequest, lookup: (username: string) => Ha1 | undefined, client = ''): DigestVerdict {
    const credentials = this.#credentials(request);
    if (credentials === undefined) return { result: 'missing' };
    return this.#judge({ request, client }, credentials, lookup(credentials.username));
  }

  /** {@link verify} for users that are looked up asynchronously. */
  async verifyAsync(
    request: SipRequest,
    lookup: (username: string) => Promise<Ha1 | undefined>,
    client = '',
  ): Promise<DigestVerdict> {
    const credentials = this.#credentials(request);
    if (credentials === undefined) return { result: 'missing' };
    return this.#judge({ request, client }, credentials, await lookup(credentials.username));
  }

  /**
   * Whether the credentials, right or wrong, answer a challenge that this client was given and that still counts: then
   * the source of the request is not forged. Uses nothing up.
   */
  answersChallenge(request: SipRequest, client = ''): boolean {
    const nonce = this.#credentials(request)?.params.get('nonce');
    const issued = nonce === undefined ? undefined : this.#mint.read(nonce, client);
    return issued !== undefined && issued.issuedAt >= this.#options.now() - this.#options.nonceLifetimeMs;
  }

  /** The first credentials for our realm, those with an algorithm we know before others. */
  #credentials({ headers }: SipRequest): Credentials | undefined {
    let unknown: Credentials | undefined;
    for (const name of ['Authorization', 'Proxy-Authorization']) {
      for (const value of headers.getAll(name)) {
        const found = this.#ours(parseAuthParams(value));
        if (found?.algorithm !== undefined) return found;
        unknown ??= found;
      }
    }
    return unknown;
  }

  #ours(parsed: AuthParams | undefined): Credentials | undefined {
    if (parsed?.scheme.toLowerCase() !== 'digest') return undefined;
    const { params } = parsed;
    const username = params.get('username');
    if (params.get('realm') !== this.#options.realm || username === undefined) return undefined;
    if (username.length > maxUsernameLength) return undefined;
    const algorithm = digestAlgorithm(params.get('algorithm'));
    const offered = algorithm !== undefined && this.#algorithms.includes(algorithm);
    return { username, params, algorithm: offered ? algorithm : undefined };
  }

  #judge(
    { request, client }: { request: SipRequest; client: string },
    credentials: Credentials,
    known: Ha1 | undefined,
  ): DigestVerdict {
    const { username } = credentials;
    // Computed for known users too, so that the time tells nothing.
    const nobody = this.#nobody(username);
    const proof = this.#proof(request, credentials, known ?? nobody);
    // An unknown user gets as far as anybody with a wrong password.
    if (proof === undefined || !proof.right || known === undefined) return { result: 'bad', username };
    const nonce = this.#goodNonce(proof.nonce, client);
    if (nonce === undefined) return { result: 'stale', username, repeated: false };
    const taken = this.#guard.take(nonce, proof.count);
    if (taken === 'taken') return { result: 'ok', username };
    return { result: 'stale', username, repeated: taken === 'repeated' };
  }

  /** Computes and compares the response; undefined when the credentials are no digest that we accept. */
  #proof(
    request: SipRequest,
    { params, algorithm }: Credentials,
    ha1: Ha1,
  ): { right: boolean; nonce: string; count: number | 'whole' } | undefined {
    const nonce = params.get('nonce');
    const uri = params.get('uri');
    const response = params.get('response');
    const form = protectionOf(params, algorithm);
    if (algorithm === undefined || form === undefined) return undefined;
    if (nonce === undefined || uri === undefined || response === undefined) return undefined;
    const expected = digestResponse({
      algorithm,
      ha1: algorithm === 'MD5' ? ha1.md5 : ha1.sha256,
      nonce,
      method: request.method,
      uri,
      ...(form.protection && { protection: form.protection }),
    });
    const right = equalText(response.toLowerCase(), expected);
    // RFC 7616 3.4.6: or a captured response could be used for another resource.
    return { right: right && sameResource(uri, request.uri), nonce, count: form.count };
  }

  /** Undefined: not of ours, not given to this client, or too old. */
  #goodNonce(nonce: string, client: string): Nonce | undefined {
    const now = this.#options.now();
    const oldest = now - this.#options.nonceLifetimeMs;
    if (now >= this.#nextSweep) {
      this.#guard.forgetBefore(oldest);
      this.#nextSweep = now + this.#options.nonceLifetimeMs / 4;
    }
    const issued = this.#mint.read(nonce, client);
    return issued === undefined || issued.issuedAt < oldest ? undefined : issued;
  }

  /** Credentials that nobody has, different per name and always the same for it. */
  #nobody(username: string): Ha1 {
    const hmac = this.#hmac.hex('nobody', noBytes, username);
    return { md5: hmac.slice(0, 32), sha256: hmac };
  }
}

/** qop=auth with a count of 1 or more, or MD5 without any qop; undefined for all else. */
function protectionOf(
  params: Map<string, string>,
  algorithm: DigestAlgorithm | undefined,
): { protection?: { nc: string; cnonce: string }; count: number | 'whole' } | undefined {
  const qop = params.get('qop');
  if (qop === undefined) return algorithm === 'MD5' ? { count: 'whole' } : undefined;
  const nc = params.get('nc');
  const cnonce = params.get('cnonce');
  if (qop.toLowerCase() !== 'auth' || cnonce === undefined) return undefined;
  if (nc === undefined || !/^[0-9a-fA-F]{8}$/.test(nc)) return undefined;
  const count = Number.parseInt(nc, 16);
  return count === 0 ? undefined : { protection: { nc, cnonce }, count };
}

function equalText(a: string, b: string): boolean {
  const bytesA = Buffer.from(a);
  const bytesB = Buffer.from(b);
  return bytesA.length === bytesB.length && timingSafeEqual(bytesA, bytesB);
}

function sameResource(a: string, b: string): boolean {
  return a === b || uriEquals(a, b);
}
