import { randomInt } from 'node:crypto';
import type { SipRequest } from '../message/index.ts';

const mark = 'busy-';
const seed = randomInt(2 ** 32 - 1);

/**
 * The To tag of a 503 under load, the same for each copy of a request (RFC 3261 section 8.2.7). Cheaper than the tag of a
 * challenge, which strangers are not to foresee: here nothing depends on it (FNV-1a).
 */
export function refusalTag(transactionKey: string): string {
  let hash = seed;
  for (let at = 0; at < transactionKey.length; at++) {
    hash = Math.imul(hash ^ transactionKey.charCodeAt(at), 16_777_619);
  }
  return `${mark}${(hash >>> 0).toString(36)}`;
}

/** Nothing waits for these ACKs, and under load there are as many as there are refusals. */
export const isAckOfRefusal = ({ method, headers }: SipRequest): boolean =>
  method === 'ACK' && headers.get('To')?.includes(`;tag=${mark}`) === true;
