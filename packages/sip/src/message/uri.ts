import { isIPv6 } from 'node:net';
import { escapesAreWhole, escapeUri, unescapeUri, uriChars } from './escape.ts';
import { charTable, parseDecimal, tokenEnd } from './grammar.ts';
import { isUriText } from './parse-head.ts';

/** A SIP, SIPS (RFC 3261 19.1) or tel URI (RFC 3966). Escapes are resolved in every part. */
export interface SipUri {
  scheme: 'sip' | 'sips' | 'tel';
  /** Of a tel URI: the number, without visual separators. */
  user?: string;
  password?: string;
  /** As written; IPv6 without its brackets. Empty for tel. */
  host: string;
  port?: number;
  /** Names in lower case; `undefined` for a parameter without value. */
  params: Map<string, string | undefined>;
  /** Names as written. Empty for tel. */
  headers: Map<string, string>;
}

/** The parts of a SIP URI as they are written, escapes unresolved. */
export interface RawSipUri {
  scheme: 'sip' | 'sips';
  user?: string;
  password?: string;
  host: string;
  port?: number;
  params: Array<[name: string, value: string | undefined]>;
  headers: Array<[name: string, value: string]>;
}

/** Parses a sip, sips or tel URI. Undefined when malformed or of another scheme. */
export function parseUri(text: string): SipUri | undefined {
  if (/^tel:/i.test(text)) return parseTelUri(text);
  const raw = splitSipUri(text);
  if (raw === undefined) return undefined;
  const uri: SipUri = { scheme: raw.scheme, host: raw.host, params: new Map(), headers: new Map() };
  if (raw.user !== undefined) uri.user = unescapeUri(raw.user);
  if (raw.password !== undefined) uri.password = unescapeUri(raw.password);
  if (raw.port !== undefined) uri.port = raw.port;
  fillParams(uri.params, raw.params);
  for (const [name, value] of raw.headers) uri.headers.set(unescapeUri(name), unescapeUri(value));
  return uri;
}

/** A repeated parameter is illegal (RFC 3261 19.1.1); the first one counts. */
function fillParams(params: SipUri['params'], raw: RawSipUri['params']): void {
  for (const [rawName, value] of raw) {
    const name = unescapeUri(rawName).toLowerCase();
    if (!params.has(name)) params.set(name, value === undefined ? undefined : unescapeUri(value));
  }
}

/** Splits a sip or sips URI without resolving escapes; undefined when malformed. */
export function splitSipUri(text: string): RawSipUri | undefined {
  const scheme = /^(sips?):/i.exec(text)?.[1]?.toLowerCase() as 'sip' | 'sips' | undefined;
  if (scheme === undefined || !isUriText(text) || !escapesAreWhole(text)) return undefined;
  const uri: RawSipUri = { scheme, host: '', params: [], headers: [] };
  const start = scheme.length + 1;
  const at = text.indexOf('@', start);
  // A second `@` would leave it open which host is meant.
  if (at >= 0 && (text.includes('@', at + 1) || !splitUserInfo(text.slice(start, at), uri))) return undefined;
  const hostStart = at < 0 ? start : at + 1;
  const hostEnd = splitHostPort(text, hostStart, uri);
  return hostEnd < 0 ? undefined : splitTail(text, hostEnd, uri);
}

function splitUserInfo(text: string, uri: RawSipUri): boolean {
  const colon = text.indexOf(':');
  uri.user = colon < 0 ? text : text.slice(0, colon);
  if (colon >= 0) uri.password = text.slice(colon + 1);
  return uri.user !== '';
}

function splitHostPort(text: string, start: number, target: { host: string; port?: number }): number {
  const parsed = parseHost(text, start);
  if (parsed === undefined) return -1;
  target.host = parsed.host;
  if (text[parsed.end] !== ':') return parsed.end;
  let end = parsed.end + 1;
  while (end < text.length && text[end]! >= '0' && text[end]! <= '9') end++;
  const port = parseDecimal(text.slice(parsed.end + 1, end), 65_535);
  if (port === undefined) return -1;
  target.port = port;
  return end;
}

/** With the underscore, which no host name has but many devices send. */
const hostChars = charTable('._-');

/** Reads a host name, IPv4 address or bracketed IPv6 address at `start`; brackets are not part of `host`. */
export function parseHost(text: string, start: number): { host: string; end: number } | undefined {
  if (text[start] === '[') {
    const close = text.indexOf(']', start);
    const host = text.slice(start + 1, close);
    return close > 0 && isIPv6(host) ? { host, end: close + 1 } : undefined;
  }
  let end = start;
  while (end < text.length && hostChars[text.charCodeAt(end)] === 1) end++;
  return end === start ? undefined : { host: text.slice(start, end), end };
}

function splitTail(text: string, start: number, uri: RawSipUri): RawSipUri | undefined {
  const question = text.indexOf('?', start);
  const paramsEnd = question < 0 ? text.length : question;
  if (!splitParams(text.slice(start, paramsEnd), uri.params)) return undefined;
  if (question < 0) return uri;
  for (const header of text.slice(question + 1).split('&')) {
    const equal = header.indexOf('=');
    if (equal < 1) return undefined;
    uri.headers.push([header.slice(0, equal), header.slice(equal + 1)]);
  }
  return uri;
}

function splitParams(text: string, params: RawSipUri['params']): boolean {
  if (text === '') return true;
  if (!text.startsWith(';')) return false;
  for (const param of text.slice(1).split(';')) {
    const equal = param.indexOf('=');
    if (param === '' || equal === 0) return false;
    params.push(equal < 0 ? [param, undefined] : [param.slice(0, equal), param.slice(equal + 1)]);
  }
  return true;
}

function parseTelUri(text: string): SipUri | undefined {
  if (!isUriText(text) || !escapesAreWhole(text)) return undefined;
  const semicolon = text.indexOf(';');
  const end = semicolon < 0 ? text.length : semicolon;
  const user = text.slice(4, end).replace(/[-.()]/g, '');
  // RFC 3966 3: global numbers are digits, local ones may hold the other keys of a telephone.
  if (!/^(\+[0-9]+|[0-9A-Fa-f*#]+)$/.test(user)) return undefined;
  const raw: RawSipUri['params'] = [];
  if (!splitParams(text.slice(end), raw)) return undefined;
  const uri: SipUri = { scheme: 'tel', user, host: '', params: new Map(), headers: new Map() };
  fillParams(uri.params, raw);
  return uri;
}

/** Writes a URI, escaping what each part cannot hold. */
export function formatUri(uri: SipUri): string {
  let text = `${uri.scheme}:`;
  if (uri.scheme === 'tel') {
    text += uri.user ?? '';
  } else {
    if (uri.user !== undefined) {
      text += escapeUri(uri.user, uriChars.user);
      if (uri.password !== undefined) text += `:${escapeUri(uri.password, uriChars.password)}`;
      text += '@';
    }
    text += formatHostPort(uri.host, uri.port);
  }
  for (const [name, value] of uri.params) {
    text += `;${escapeUri(name, uriChars.param)}`;
    if (value !== undefined) text += `=${escapeUri(value, uriChars.param)}`;
  }
  let separator = '?';
  for (const [name, value] of uri.headers) {
    text += `${separator}${escapeUri(name, uriChars.header)}=${escapeUri(value, uriChars.header)}`;
    separator = '&';
  }
  return text;
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
export function formatHostPort(host: string, port?: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}

/** The scheme in lower case of any URI (RFC 3261 25.1 `absoluteURI`), or undefined when there is none. */
export function uriScheme(text: string): string | undefined {
  const colon = text.indexOf(':');
  return colon > 0 && /^[a-z]/i.test(text) && tokenEnd(text, 0) === colon
    ? text.slice(0, colon).toLowerCase()
    : undefined;
}

/**
 * The telephone number a URI means: of a tel URI, of `user=phone`, and of any SIP URI whose user part looks like a
 * number (carriers leave `user=phone` out). Without visual separators and without the parameters that RFC 3261
 * 19.1.6 allows in the user part. Undefined when it is no number.
 */
export function telephoneNumber(uri: SipUri | string): string | undefined {
  const parsed = typeof uri === 'string' ? parseUri(uri) : uri;
  const user = parsed?.user?.split(';', 1)[0]?.replace(/[-.()]/g, '');
  return user !== undefined && /^\+?[0-9]+$/.test(user) ? user : undefined;
}
