import { hash } from 'node:crypto';

/** Hash algorithms of RFC 8760 that are offered here. */
export type DigestAlgorithm = 'MD5' | 'SHA-256';

/** `H(username:realm:password)` in lower-case hex, per algorithm: what is stored instead of a password. */
export interface Ha1 {
  md5: string;
  sha256: string;
}

/** The algorithm of a challenge or of credentials, MD5 when it names none (RFC 7616 3.3); undefined when not ours. */
export function digestAlgorithm(name: string | undefined): DigestAlgorithm | undefined {
  const upper = (name ?? 'MD5').toUpperCase();
  return upper === 'MD5' || upper === 'SHA-256' ? upper : undefined;
}

/** Hash of the UTF-8 text, in lower-case hex. */
function digestHash(algorithm: DigestAlgorithm, text: string): string {
  return hash(algorithm === 'MD5' ? 'md5' : 'sha256', text);
}

/** `H(username:realm:password)` (RFC 7616 3.4.2) in lower-case hex. */
export function computeHa1(
  algorithm: DigestAlgorithm,
  username: string,
  realm: string,
  password: string,
): string {
  return digestHash(algorithm, `${username}:${realm}:${password}`);
}

/** What a digest response is computed over. */
export interface DigestInput {
  algorithm: DigestAlgorithm;
  ha1: string;
  nonce: string;
  method: string;
  /** The `uri` parameter as written. */
  uri: string;
  /** Absent in the form of RFC 2069, without quality of protection. */
  protection?: { nc: string; cnonce: string };
}

/** The `response` parameter for qop=auth, or for no qop (RFC 7616 3.4.1, RFC 2069 2.1.2), in lower-case hex. */
export function digestResponse(input: DigestInput): string {
  const { algorithm, ha1, nonce, protection } = input;
  const ha2 = digestHash(algorithm, `${input.method}:${input.uri}`);
  const middle = protection === undefined ? nonce : `${nonce}:${protection.nc}:${protection.cnonce}:auth`;
  return digestHash(algorithm, `${ha1}:${middle}:${ha2}`);
}
