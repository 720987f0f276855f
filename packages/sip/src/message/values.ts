import {
  type Params,
  paramValue,
  paramValueEnd,
  parseDecimal,
  parseParams,
  skipLws,
  sliceTrimmed,
  tokenEnd,
} from './grammar.ts';
import type { SipHeaders } from './headers.ts';
import { type NameAddr, parseNameAddr } from './name-addr.ts';

/** Value of CSeq (RFC 3261 20.16). */
export interface CSeq {
  /** 0 to 2^31 - 1. */
  sequence: number;
  method: string;
}

/** Parses CSeq; undefined when malformed or beyond 2^31 - 1 (RFC 3261 8.1.1.5). */
export function parseCSeq(text: string): CSeq | undefined {
  const end = tokenEnd(text, 0);
  const sequence = parseDecimal(text.slice(0, end), 2 ** 31 - 1);
  const start = skipLws(text, end);
  if (sequence === undefined || start === end) return undefined;
  const methodEnd = tokenEnd(text, start);
  if (methodEnd === start || methodEnd !== text.length) return undefined;
  return { sequence, method: text.slice(start) };
}

/** Delta seconds, 0 to 2^32 - 1 (RFC 3261 20.19). Undefined when malformed: to be treated as absent (RFC 3261 10.2.1.1). */
export function parseExpires(text: string): number | undefined {
  return parseDecimal(text, 2 ** 32 - 1);
}

/** One Contact address (RFC 3261 20.10). */
export interface Contact extends NameAddr {
  /** Seconds; absent when missing or malformed. */
  expires?: number;
  /** Preference 0 to 1; absent when missing or malformed. */
  q?: number;
}

/** Parses one Contact value, `'*'` for the wildcard; undefined when malformed. */
export function parseContact(text: string): Contact | '*' | undefined {
  if (text.trim() === '*') return '*';
  const address: Contact | undefined = parseNameAddr(text);
  if (address === undefined) return undefined;
  const expires = parseExpires(address.params.get('expires') ?? '');
  if (expires !== undefined) address.expires = expires;
  const q = address.params.get('q');
  if (q !== undefined && /^(0(\.[0-9]{0,3})?|1(\.0{0,3})?)$/.test(q)) address.q = Number(q);
  return address;
}

/**
 * Every Contact of a message in order, `'*'` for the wildcard alone. Undefined when one is malformed or a
 * wildcard stands beside others (RFC 3261 10.3 step 6: answer 400).
 */
export function parseContacts(headers: SipHeaders): Contact[] | '*' | undefined {
  const contacts: Contact[] = [];
  const values = headers.getAll('contact');
  for (const value of values) {
    const contact = parseContact(value);
    if (contact === undefined) return undefined;
    if (contact === '*') return values.length === 1 ? '*' : undefined;
    contacts.push(contact);
  }
  return contacts;
}

/** One Reason value (RFC 3326). */
export interface Reason {
  /** `SIP`, `Q.850`, …, as written. */
  protocol: string;
  /** The status code or Q.850 cause. */
  cause?: number;
  text?: string;
}

/** Parses one Reason value; undefined when malformed. */
export function parseReason(text: string): Reason | undefined {
  const start = skipLws(text, 0);
  const end = tokenEnd(text, start);
  const params = parseParams(text, end);
  if (end === start || params === undefined) return undefined;
  const reason: Reason = { protocol: text.slice(start, end) };
  const cause = parseDecimal(params.get('cause') ?? '', 65_535);
  if (cause !== undefined) reason.cause = cause;
  const words = params.get('text');
  if (words !== undefined) reason.text = words;
  return reason;
}

/** Every well-formed Reason of a message, in order. */
export function parseReasons(headers: SipHeaders): Reason[] {
  return headers.getAll('reason').flatMap((value) => parseReason(value) ?? []);
}

/** Addresses of P-Asserted-Identity (RFC 3325 9.1) or another header of the same form; malformed ones are left out. */
export function parseIdentities(headers: SipHeaders, name = 'P-Asserted-Identity'): NameAddr[] {
  return headers.getAll(name).flatMap((value) => parseNameAddr(value) ?? []);
}

/** Value of WWW-Authenticate, Authorization and their proxy forms (RFC 3261 25.1 `challenge`, `credentials`). */
export interface AuthParams {
  /** As written; compare without case. */
  scheme: string;
  /** Names in lower case, values unquoted. */
  params: Map<string, string>;
}

/** Parses a challenge or credentials; undefined when malformed or when a parameter is repeated. */
export function parseAuthParams(text: string): AuthParams | undefined {
  const schemeEnd = tokenEnd(text, 0);
  let at = skipLws(text, schemeEnd);
  if (schemeEnd === 0 || (at === schemeEnd && at < text.length)) return undefined;
  const params = new Map<string, string>();
  while (at < text.length) {
    const nameEnd = tokenEnd(text, at);
    const name = text.slice(at, nameEnd).toLowerCase();
    const equal = skipLws(text, nameEnd);
    if (name === '' || text[equal] !== '=' || params.has(name)) return undefined;
    const valueStart = skipLws(text, equal + 1);
    const valueEnd = paramValueEnd(text, valueStart);
    if (valueEnd < 0) return undefined;
    params.set(name, paramValue(text, valueStart, valueEnd));
    at = skipLws(text, valueEnd);
    if (at === text.length) break;
    if (text[at] !== ',') return undefined;
    at = skipLws(text, at + 1);
    if (at === text.length) return undefined;
  }
  return { scheme: text.slice(0, schemeEnd), params };
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Unix milliseconds of a Date value (RFC 3261 20.17: always GMT); undefined when malformed or of another zone. */
export function parseSipDate(text: string): number | undefined {
  const match =
    /^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/.exec(text);
  if (match === null) return undefined;
  const [day, year, hour, minute, second] = [match[1], match[3], match[4], match[5], match[6]].map(Number);
  const month = months.indexOf(match[2]!);
  if (month < 0 || day! < 1 || day! > 31 || hour! > 23 || minute! > 59 || second! > 60) return undefined;
  return Date.UTC(year!, month, day, hour, minute, second);
}

/** Parameters of a value such as `application/sdp;charset=utf-8`: the part before them, trimmed, in lower case, and them. */
export function parseValueParams(text: string): { value: string; params: Params } | undefined {
  const semicolon = text.indexOf(';');
  const end = semicolon < 0 ? text.length : semicolon;
  const params = parseParams(text, end);
  return params === undefined ? undefined : { value: sliceTrimmed(text, 0, end).toLowerCase(), params };
}
