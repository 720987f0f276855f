import { isAscii, isUtf8 } from 'node:buffer';
import { type SipParseError, type SipParseErrorCode, sipParseError, withoutStatus } from './errors.ts';
import { isToken, sliceTrimmed } from './grammar.ts';
import { headerNameAt } from './header-names.ts';
import type { SipHeaders } from './headers.ts';
import type { SipLimits } from './limits.ts';
import { type SipMessage, SipRequest, SipResponse } from './message.ts';

/** A parsed start line and header section. `message` holds what could be read even when there is an error. */
export interface ParsedHead {
  message: SipMessage;
  error?: SipParseError;
  /** Absent when there is no Content-Length, or when it is malformed (then `error` is set or `badLength`). */
  contentLength?: number;
  /** Where the message ends is unknown: on a stream nothing after it can be understood. */
  badLength?: boolean;
}

const SPACE = 32;
const TAB = 9;

/**
 * Header text from bytes. SIP is UTF-8 (RFC 3261 7); old devices send ISO 8859-1, which is taken for that when the
 * section as a whole is not UTF-8.
 */
export function decodeHead(bytes: Buffer): string {
  return isAscii(bytes) || !isUtf8(bytes) ? bytes.toString('latin1') : bytes.toString('utf8');
}

/** Parses the header section: `text` ends before the blank line. Never throws. */
export function parseHead(text: string, limits: Readonly<SipLimits>): ParsedHead {
  const firstEnd = text.indexOf('\r\n');
  const startLine = firstEnd < 0 ? text : text.slice(0, firstEnd);
  const head = parseStartLine(startLine);
  let bad: SipParseErrorCode | undefined;
  if (startLine.length > limits.maxHeaderLineBytes) bad = 'header-line-too-long';
  else if (hasBareNul(text)) bad = 'bad-character';
  if (firstEnd >= 0) {
    const code = parseLines(text, firstEnd + 2, head.message.headers, limits);
    bad ??= code;
  }
  if (bad !== undefined) head.error ??= sipParseError(bad);
  readContentLength(head);
  if (head.error !== undefined && head.message.kind === 'response') head.error = withoutStatus(head.error);
  return head;
}

/** Reads header lines into `headers`, skipping bad ones so that an answer can still be built; the first fault is returned. */
function parseLines(
  text: string,
  start: number,
  headers: SipHeaders,
  limits: Readonly<SipLimits>,
): SipParseErrorCode | undefined {
  let bad: SipParseErrorCode | undefined;
  let lines = 0;
  let at = start;
  while (at < text.length) {
    let end = lineEnd(text, at);
    const folded = isFold(text, end);
    while (isFold(text, end)) end = lineEnd(text, end + 2);
    // Bad lines count too: their number bounds the work.
    if (++lines > limits.maxHeaderCount) return bad ?? 'too-many-headers';
    if (end - at > limits.maxHeaderLineBytes) bad ??= 'header-line-too-long';
    else {
      const code = folded ? parseFolded(text.slice(at, end), headers) : parseLine(text, at, end, headers);
      if (code !== undefined) bad ??= code;
    }
    at = end + 2;
  }
  return bad;
}

function parseLine(
  text: string,
  at: number,
  end: number,
  headers: SipHeaders,
): SipParseErrorCode | undefined {
  const colon = text.indexOf(':', at);
  if (colon < 0 || colon >= end) return 'bad-header-line';
  // HCOLON allows white space before the colon (RFC 3261 25.1), none before the name.
  let nameEnd = colon;
  while (nameEnd > at && isWhite(text.charCodeAt(nameEnd - 1))) nameEnd--;
  const name = headerNameAt(text, at, nameEnd);
  if (!name.known && !isToken(name.name)) return 'bad-header-line';
  // The end of the line was found by CRLF; a CR or LF before it stands alone.
  if (indexBefore(text, '\r', colon, end) || indexBefore(text, '\n', colon, end)) return 'bad-line-end';
  headers.append(name, sliceTrimmed(text, colon + 1, end));
  return undefined;
}

function parseFolded(line: string, headers: SipHeaders): SipParseErrorCode | undefined {
  const text = unfold(line);
  return parseLine(text, 0, text.length, headers);
}

function indexBefore(text: string, char: string, start: number, end: number): boolean {
  const found = text.indexOf(char, start);
  return found >= 0 && found < end;
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf('\r\n', start);
  return end < 0 ? text.length : end;
}

function isFold(text: string, end: number): boolean {
  return end + 2 < text.length && isWhite(text.charCodeAt(end + 2));
}

function isWhite(char: number): boolean {
  return char === SPACE || char === TAB;
}

/** Line folding means one space (RFC 3261 7.3.1). */
function unfold(value: string): string {
  const lines = value.split('\r\n').map((line) => sliceTrimmed(line, 0, line.length));
  const joined = lines.join(' ');
  return sliceTrimmed(joined, 0, joined.length);
}

/** NUL is legal only as a quoted pair (RFC 4475 3.1.1.2 has one); elsewhere it is an attack on C programs behind us. */
export function hasBareNul(text: string): boolean {
  for (let at = text.indexOf('\0'); at >= 0; at = text.indexOf('\0', at + 1)) {
    if (text.charCodeAt(at - 1) !== 92) return true;
  }
  return false;
}

function parseStartLine(line: string): ParsedHead {
  if (/^SIP\//i.test(line)) return parseStatusLine(line);
  const first = line.indexOf(' ');
  const last = line.lastIndexOf(' ');
  const method = first < 0 ? line : line.slice(0, first);
  const uri = last > first ? line.slice(first + 1, last) : '';
  const message = new SipRequest(method, uri);
  const version = last < 0 ? '' : line.slice(last + 1);
  if (!isToken(method) || uri === '') return { message, error: sipParseError('bad-request-line') };
  if (!/^SIP\/[0-9]+\.[0-9]+$/i.test(version)) return { message, error: sipParseError('bad-request-line') };
  if (!isUriText(uri)) return { message, error: sipParseError('bad-request-uri') };
  if (version.slice(4) !== '2.0') return { message, error: sipParseError('bad-version') };
  return { message };
}

/** No white space, control character, quote or angle bracket (RFC 4475 3.1.2.7 to 3.1.2.9). */
export function isUriText(uri: string): boolean {
  for (let at = 0; at < uri.length; at++) {
    const char = uri.charCodeAt(at);
    if (char <= SPACE || char === 34 || char === 60 || char === 62 || char === 127) return false;
  }
  return uri !== '';
}

function parseStatusLine(line: string): ParsedHead {
  const match = /^SIP\/([0-9]+\.[0-9]+) ([0-9]{3})(?: (.*))?$/is.exec(line);
  if (match === null) return { message: new SipResponse(0, ''), error: sipParseError('bad-status-line') };
  const status = Number(match[2]);
  const message = new SipResponse(status, match[3] ?? '');
  if (match[1] !== '2.0') return { message, error: sipParseError('bad-version') };
  if (status < 100 || status > 699 || /[\r\n]/.test(message.reason)) {
    return { message, error: sipParseError('bad-status-line') };
  }
  return { message };
}

/** RFC 3261 20.14; several that differ are an attempt at smuggling (RFC 4475 3.3.9). */
function readContentLength(head: ParsedHead): void {
  const values = head.message.headers.getAll('content-length');
  const first = values[0];
  if (first === undefined) return;
  if (!/^[0-9]+$/.test(first) || values.some((value) => value !== first)) {
    head.badLength = true;
    head.error ??= sipParseError('bad-content-length');
    return;
  }
  head.contentLength = Number(first);
}
