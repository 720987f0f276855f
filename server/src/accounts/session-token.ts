import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const idBytes = 16;
const secretBytes = 32;

/** An opaque token: which session it is of, and a secret. Both are random to everybody else. */
export interface SessionToken {
  text: string;
  /** SHA-256, hex: what the database knows. */
  idHash: string;
  secretHash: string;
}

/** The first refresh token of a session. */
export function newRefreshToken(): SessionToken {
  return tokenOf(randomBytes(idBytes), randomBytes(secretBytes));
}

/** Undefined when it cannot be one of ours. */
export function readToken(text: string): SessionToken | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== idBytes + secretBytes || bytes.toString('base64url') !== text) return undefined;
  return tokenOf(bytes.subarray(0, idBytes), bytes.subarray(idBytes));
}

/**
 * What follows from a refresh token: its successor, or the access token beside it. The same every time, so that an answer
 * that was lost can be given again; to be known by nobody without the key.
 */
export function deriveToken(key: Buffer, what: 'refresh' | 'access', from: SessionToken): SessionToken {
  const secret = createHmac('sha256', key).update(`${what} ${from.text}`).digest();
  return tokenOf(Buffer.from(from.text, 'base64url').subarray(0, idBytes), secret);
}

/** In constant time. */
export function isSameHash(one: string, other: string | null): boolean {
  return (
    other !== null && one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
  );
}

function tokenOf(id: Buffer, secret: Buffer): SessionToken {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  return {
    text: Buffer.concat([id, secret]).toString('base64url'),
    idHash: hash(id),
    secretHash: hash(secret),
  };
}
