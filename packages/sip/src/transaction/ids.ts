import { randomFillSync } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz012345';
const pool = new Uint8Array(4_096);
let used = pool.length;

/** A random token of `length` characters, 5 bits each, from the system's random source. */
export function randomToken(length: number): string {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let token = '';
  for (let i = 0; i < length; i++) token += alphabet[pool[used + i]! & 31];
  used += length;
  return token;
}

/** RFC 3261 section 8.1.1.7: the cookie tells that the branch is unique by itself. */
export const branchCookie = 'z9hG4bK';

/** By this we know our own branches when they come back to us. */
const ownMark = branchCookie + randomToken(4);

/** A new branch, with 80 random bits. */
export const newBranch = (): string => ownMark + randomToken(16);

/** Whether this process has made it (RFC 3261 section 16.3, loop detection). */
export const isOwnBranch = (branch: string | undefined): boolean => branch?.startsWith(ownMark) === true;

/** A new From or To tag; section 19.3 asks for 32 random bits, these are 60. */
export const newTag = (): string => randomToken(12);

/** A new Call-ID, with 110 random bits. */
export const newCallId = (): string => randomToken(22);
