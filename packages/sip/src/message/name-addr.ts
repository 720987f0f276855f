import {
  formatParams,
  type Params,
  parseParams,
  quote,
  quotedEnd,
  skipLws,
  sliceTrimmed,
  tokenEnd,
  unquote,
} from './grammar.ts';
import { isUriText } from './parse-head.ts';
import { uriScheme } from './uri.ts';

/** The value of From, To, Contact, Route and their like (RFC 3261 20.10). */
export interface NameAddr {
  /** Without quotes, quoted pairs resolved. */
  displayName?: string;
  /** The URI as text, of any scheme; see `parseUri`. */
  uri: string;
  /** Header parameters: names in lower case, values unquoted, `undefined` for a parameter without value. */
  params: Params;
}

/** Parses `"name" <uri>;params`, `<uri>;params` or `uri;params`. Undefined when malformed. */
export function parseNameAddr(text: string): NameAddr | undefined {
  const start = skipLws(text, 0);
  if (text[start] === '"') {
    const end = quotedEnd(text, start);
    if (end < 0) return undefined;
    return parseBracketed(text, skipLws(text, end), unquote(text, start, end));
  }
  const less = text.indexOf('<', start);
  if (less >= 0) {
    const display = sliceTrimmed(text, start, less);
    if (display === '') return parseBracketed(text, less);
    if (isDisplayTokens(display)) return parseBracketed(text, less, display);
  }
  return parseBare(text, start);
}

/** `*(token LWS)`, wider by the characters beyond ASCII, which many phones send without quotes. */
function isDisplayTokens(display: string): boolean {
  for (let at = 0; at < display.length; ) {
    const end = tokenEnd(display, at);
    at = skipLws(display, end);
    if (at < display.length && at === end && display.charCodeAt(at) < 128) return false;
    if (at === end) at++;
  }
  return true;
}

function parseBracketed(text: string, start: number, displayName?: string): NameAddr | undefined {
  if (text[start] !== '<') return undefined;
  const end = text.indexOf('>', start);
  if (end < 0) return undefined;
  return build(text.slice(start + 1, end), parseParams(text, end + 1), displayName);
}

/**
 * Without brackets, everything from the first semicolon on belongs to the header, and a URI with a comma or question
 * mark is illegal (RFC 3261 20.10, RFC 4475 3.1.2.13).
 */
function parseBare(text: string, start: number): NameAddr | undefined {
  const semicolon = text.indexOf(';', start);
  const end = semicolon < 0 ? text.length : semicolon;
  const uri = sliceTrimmed(text, start, end);
  if (uri.includes(',') || uri.includes('?')) return undefined;
  return build(uri, parseParams(text, end));
}

function build(uri: string, params: Params | undefined, displayName?: string): NameAddr | undefined {
  if (params === undefined || !isUriText(uri)) return undefined;
  const scheme = uriScheme(uri);
  if (scheme === undefined || uri.length === scheme.length + 1) return undefined;
  return displayName === undefined ? { uri, params } : { displayName, uri, params };
}

/** Writes the form with angle brackets, the display name quoted. */
export function formatNameAddr(address: {
  displayName?: string;
  uri: string;
  params?: ReadonlyMap<string, string | undefined>;
}): string {
  const name = address.displayName === undefined ? '' : `${quote(address.displayName)} `;
  return `${name}<${address.uri}>${address.params === undefined ? '' : formatParams(address.params)}`;
}
