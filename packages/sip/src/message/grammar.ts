/**
 * The lexical rules of RFC 3261 25.1 that several header fields share. Everything here looks at each character
 * a bounded number of times; no regular expression with two adjacent repetitions, so no input is super-linear.
 */
const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const SEMICOLON = 59;
const LESS = 60;
const EQUAL = 61;
const GREATER = 62;
const BACKSLASH = 92;

/** A table of ASCII characters, by code. */
export function charTable(extra: string): Uint8Array {
  const table = new Uint8Array(128);
  const alphanumeric = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  for (const char of alphanumeric + extra) table[char.charCodeAt(0)] = 1;
  return table;
}

const tokenChars = charTable("-.!%*_+`'~");

/** RFC 3261 25.1 `token`: method names, header names, parameter names. */
export function isToken(text: string): boolean {
  return text !== '' && tokenEnd(text, 0) === text.length;
}

/** Index after the last token character from `start`. */
export function tokenEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && tokenChars[text.charCodeAt(end)] === 1) end++;
  return end;
}

/** Index of the first character from `start` that is no space or tab. */
export function skipLws(text: string, start: number): number {
  let at = start;
  while (at < text.length && (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB)) at++;
  return at;
}

/** `text[start, end)` without the spaces and tabs around it (`String.trim` would also take away other characters). */
export function sliceTrimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && (text.charCodeAt(from) === SPACE || text.charCodeAt(from) === TAB)) from++;
  while (to > from && (text.charCodeAt(to - 1) === SPACE || text.charCodeAt(to - 1) === TAB)) to--;
  return text.slice(from, to);
}

/** Index after the closing quote of the quoted-string that opens at `start`; -1 when it never closes. */
export function quotedEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) return at + 1;
    if (char === BACKSLASH) at++;
  }
  return -1;
}

/** The text meant by the quoted-string `text[start, end)`, quotes included: quoted pairs are resolved. */
export function unquote(text: string, start = 0, end = text.length): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes('\\') ? inner.replace(/\\(.)/gs, '$1') : inner;
}

/** A quoted-string that means `text`. A NUL becomes a quoted pair, the only legal way to send one. */
export function quote(text: string): string {
  return `"${text.replace(/["\\\0]/g, '\\$&')}"`;
}

/** Splits at the commas that stand outside quoted strings and outside `<…>`. Empty elements are dropped. */
export function splitList(text: string): string[] {
  if (!text.includes(',')) return text === '' ? [] : [text];
  const items: string[] = [];
  for (let start = 0; start <= text.length; ) {
    const end = listItemEnd(text, start);
    const item = sliceTrimmed(text, start, end);
    if (item !== '') items.push(item);
    start = end + 1;
  }
  return items;
}

/** Index of the comma that ends the list element beginning at `start`, or the length of the text. */
export function listItemEnd(text: string, start: number): number {
  let inAngles = false;
  for (let at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === LESS) inAngles = true;
    else if (char === GREATER) inAngles = false;
    else if (inAngles) continue;
    else if (char === COMMA) return at;
    else if (char === QUOTE) {
      const end = quotedEnd(text, at);
      if (end < 0) return text.length;
      at = end - 1;
    }
  }
  return text.length;
}

/** Parameters of a header value: names in lower case, values unquoted, `undefined` for a name without `=`. */
export type Params = Map<string, string | undefined>;

/**
 * Reads `*( SEMI generic-param )` from `start` to the end of the text. Returns undefined when malformed.
 * A repeated name is illegal (RFC 3261 7.3.1); the first one counts.
 */
export function parseParams(text: string, start: number): Params | undefined {
  const params: Params = new Map();
  let at = skipLws(text, start);
  while (at < text.length) {
    if (text.charCodeAt(at) !== SEMICOLON) return undefined;
    const nameStart = skipLws(text, at + 1);
    const nameEnd = tokenEnd(text, nameStart);
    if (nameEnd === nameStart) return undefined;
    const name = text.slice(nameStart, nameEnd).toLowerCase();
    at = skipLws(text, nameEnd);
    let value: string | undefined;
    if (text.charCodeAt(at) === EQUAL) {
      const valueStart = skipLws(text, at + 1);
      const valueEnd = paramValueEnd(text, valueStart);
      if (valueEnd < 0) return undefined;
      value = paramValue(text, valueStart, valueEnd);
      at = skipLws(text, valueEnd);
    }
    if (!params.has(name)) params.set(name, value);
  }
  return params;
}

/** Index after the token, host or quoted-string at `start`; -1 when there is none. */
export function paramValueEnd(text: string, start: number): number {
  if (text.charCodeAt(start) === QUOTE) return quotedEnd(text, start);
  let end = start;
  while (end < text.length && isParamValueChar(text.charCodeAt(end))) end++;
  return end === start ? -1 : end;
}

/** The meaning of the value that {@link paramValueEnd} measured. */
export function paramValue(text: string, start: number, end: number): string {
  return text.charCodeAt(start) === QUOTE ? unquote(text, start, end) : text.slice(start, end);
}

/** Wider than `gen-value`: base64 and IPv6 without brackets are seen unquoted, and harm nobody. */
function isParamValueChar(char: number): boolean {
  return (
    char > SPACE && char !== 127 && char !== QUOTE && char !== COMMA && char !== SEMICOLON && char !== LESS
  );
}

/** Writes parameters; a value that is neither token nor host is quoted. */
export function formatParams(params: ReadonlyMap<string, string | undefined>): string {
  let text = '';
  for (const [name, value] of params) {
    text += value === undefined ? `;${name}` : `;${name}=${isPlainValue(value) ? value : quote(value)}`;
  }
  return text;
}

const plainValueChars = charTable("-.!%*_+`'~[]:");

function isPlainValue(value: string): boolean {
  if (value === '') return false;
  for (let at = 0; at < value.length; at++) if (plainValueChars[value.charCodeAt(at)] !== 1) return false;
  return true;
}

/** A decimal number of at most `max`; undefined for anything else. Leading zeros are legal (RFC 4475 3.1.1.1). */
export function parseDecimal(text: string, max: number): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
