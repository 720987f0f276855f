import { charTable } from './grammar.ts';

/** RFC 3261 25.1 `mark`, legal unescaped everywhere in a URI. */
const mark = "-_.!~*'()";

/** Characters that stay as they are, per part of a SIP URI (RFC 3261 25.1). */
export const uriChars = {
  user: charTable(`${mark}&=+$,;?/`),
  password: charTable(`${mark}&=+$,`),
  param: charTable(`${mark}[]/:&+$`),
  header: charTable(`${mark}[]/?:+$`),
} as const;

/** Whether every `%` begins a `%HH`. */
export function escapesAreWhole(text: string): boolean {
  for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', at + 1)) {
    if (!/^[0-9a-fA-F]{2}$/.test(text.slice(at + 1, at + 3))) return false;
  }
  return true;
}

/** Resolves `%HH` once. Bytes that are no UTF-8 are taken for ISO 8859-1. Expects {@link escapesAreWhole}. */
export function unescapeUri(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}

/** Escapes every character outside the table, as UTF-8. */
export function escapeUri(text: string, keep: Uint8Array): string {
  let escaped = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    escaped +=
      keep[byte] === 1 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

const reserved = new Set(';/?:@&=+$,%');

/**
 * The form in which two escaped texts compare equal when RFC 3261 19.1.4 says so: characters outside the reserved
 * set equal their escape, reserved ones do not.
 */
export function normalizeEscapes(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (whole, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return char > ' ' && char < '\x7f' && !reserved.has(char) ? char : whole.toUpperCase();
  });
}
