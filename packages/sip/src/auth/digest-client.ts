import { randomBytes } from 'node:crypto';
import { parseAuthParams, quote, type SipHeaders } from '../message/index.ts';
import { computeHa1, type DigestAlgorithm, digestAlgorithm, digestResponse, type Ha1 } from './digest.ts';

/** What {@link answerChallenge} needs. */
export interface ChallengeAnswer {
  /** Headers of the 401 or 407. */
  headers: SipHeaders;
  method: string;
  /** Request-URI of the request that will carry the answer. */
  uri: string;
  username: string;
  /** The password, or its stored hashes for the realm of the challenge. */
  password: string | Ha1;
  /** How often this nonce has been answered, this time included; 1 when absent. */
  nonceCount?: number;
  /** For tests with published values; random when absent. */
  cnonce?: string;
}

/** The nonce that a 401 or 407 carries, to tell a new challenge from a refused password. */
export function challengeNonce(headers: SipHeaders): string | undefined {
  return choose(headers)?.params.get('nonce');
}

/**
 * The header that answers a 401 or 407: the first challenge whose algorithm we know (RFC 8760 2.4), WWW-Authenticate
 * before Proxy-Authenticate. Undefined when there is none that we can answer.
 */
export function answerChallenge(answer: ChallengeAnswer): { name: string; value: string } | undefined {
  const challenge = choose(answer.headers);
  if (challenge === undefined) return undefined;
  const { params, algorithm, name } = challenge;
  const [realm, nonce] = [params.get('realm')!, params.get('nonce')!];
  const { method, uri, username, password } = answer;
  const protection = {
    nc: (answer.nonceCount ?? 1).toString(16).padStart(8, '0'),
    cnonce: answer.cnonce ?? randomBytes(12).toString('base64url'),
  };
  const ha1 = ha1Of(password, algorithm, { username, realm });
  const withQop = params.has('qop');
  const response = digestResponse({
    algorithm,
    ha1,
    nonce,
    method,
    uri,
    ...(withQop && { protection }),
  });
  let value = `Digest username=${quote(username)}, realm=${quote(realm)}, nonce=${quote(nonce)}`;
  value += `, uri=${quote(uri)}, response="${response}"`;
  if (params.has('algorithm')) value += `, algorithm=${algorithm}`;
  if (withQop) value += `, qop=auth, nc=${protection.nc}, cnonce=${quote(protection.cnonce)}`;
  const opaque = params.get('opaque');
  if (opaque !== undefined) value += `, opaque=${quote(opaque)}`;
  return { name, value };
}

interface Challenge {
  /** Name of the header to answer with. */
  name: string;
  params: Map<string, string>;
  algorithm: DigestAlgorithm;
}

function choose(headers: SipHeaders): Challenge | undefined {
  for (const kind of ['WWW-', 'Proxy-'] as const) {
    for (const value of headers.getAll(`${kind}Authenticate`)) {
      const parsed = parseAuthParams(value);
      const algorithm = digestAlgorithm(parsed?.params.get('algorithm'));
      if (parsed?.scheme.toLowerCase() !== 'digest' || algorithm === undefined) continue;
      const { params } = parsed;
      if (!params.has('realm') || !params.has('nonce') || !offersAuth(params.get('qop'))) continue;
      return { name: kind === 'WWW-' ? 'Authorization' : 'Proxy-Authorization', params, algorithm };
    }
  }
  return undefined;
}

/** No qop at all is RFC 2069; auth-int alone cannot be answered here. */
function offersAuth(qop: string | undefined): boolean {
  return qop === undefined || qop.split(',').some((option) => option.trim().toLowerCase() === 'auth');
}

function ha1Of(
  password: string | Ha1,
  algorithm: DigestAlgorithm,
  user: { username: string; realm: string },
): string {
  if (typeof password === 'string') return computeHa1(algorithm, user.username, user.realm, password);
  return algorithm === 'MD5' ? password.md5 : password.sha256;
}
