import { normalizeEscapes } from './escape.ts';
import { formatUri, parseUri, type RawSipUri, type SipUri, splitSipUri } from './uri.ts';

/** Parameters that make two URIs different when only one has them (RFC 3261 19.1.4). */
const decisive = ['transport', 'user', 'ttl', 'method', 'maddr'];

/**
 * Whether two URIs are equal: RFC 3261 19.1.4 for sip and sips, RFC 3966 4 for tel, the same text for all others.
 * Malformed sip URIs equal nothing. Not transitive, as the RFC remarks.
 */
export function uriEquals(a: string | SipUri, b: string | SipUri): boolean {
  const textA = typeof a === 'string' ? a : formatUri(a);
  const textB = typeof b === 'string' ? b : formatUri(b);
  if (/^tel:/i.test(textA)) return telEquals(parseUri(textA), parseUri(textB));
  if (!/^sips?:/i.test(textA)) return textA === textB;
  const rawA = splitSipUri(textA);
  const rawB = splitSipUri(textB);
  if (rawA === undefined || rawB === undefined) return false;
  return sipEquals(rawA, rawB);
}

function sipEquals(a: RawSipUri, b: RawSipUri): boolean {
  return (
    a.scheme === b.scheme &&
    same(a.user, b.user) &&
    same(a.password, b.password) &&
    a.host.toLowerCase() === b.host.toLowerCase() &&
    a.port === b.port &&
    paramsEqual(normalizePairs(a.params), normalizePairs(b.params)) &&
    headersEqual(normalizePairs(a.headers), normalizePairs(b.headers))
  );
}

/** The user part is compared with case. */
function same(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return normalizeEscapes(a) === normalizeEscapes(b);
}

type Pairs = Map<string, string | undefined>;

function normalizePairs(pairs: ReadonlyArray<readonly [string, string | undefined]>): Pairs {
  const map: Pairs = new Map();
  for (const [rawName, value] of pairs) {
    const name = normalizeEscapes(rawName).toLowerCase();
    if (!map.has(name)) map.set(name, value === undefined ? undefined : normalizeEscapes(value));
  }
  return map;
}

function paramsEqual(a: Pairs, b: Pairs): boolean {
  if (decisive.some((name) => a.has(name) !== b.has(name))) return false;
  for (const [name, value] of a) {
    if (b.has(name) && value?.toLowerCase() !== b.get(name)?.toLowerCase()) return false;
  }
  return true;
}

function headersEqual(a: Pairs, b: Pairs): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (!b.has(name) || b.get(name) !== value) return false;
  return true;
}

/** RFC 3966 4: numbers without visual separators, parameters in any order and all of them, without case. */
function telEquals(a: SipUri | undefined, b: SipUri | undefined): boolean {
  if (a === undefined || b === undefined || b.scheme !== 'tel') return false;
  if (a.user?.toLowerCase() !== b.user?.toLowerCase() || a.params.size !== b.params.size) return false;
  for (const [name, value] of a.params) {
    if (!b.params.has(name) || b.params.get(name)?.toLowerCase() !== value?.toLowerCase()) return false;
  }
  return true;
}
