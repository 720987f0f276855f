import { type SipParseError, sipParseError, withoutStatus } from './errors.ts';
import { type SipLimits, sipLimits } from './limits.ts';
import type { SipMessage } from './message.ts';
import { decodeHead, parseHead } from './parse-head.ts';

/** The outcome of {@link parseMessage}. */
export type ParseResult =
  | {
      ok: true;
      message: SipMessage;
      /** Bytes after the body, which are to be discarded (RFC 3261 18.3). Absent when there are none. */
      trailing?: number;
    }
  | {
      ok: false;
      error: SipParseError;
      /** What could be read, good enough to build the answer from when it has the needed headers. */
      partial?: SipMessage;
    };

const blankLine = Buffer.from('\r\n\r\n');
const CR = 13;
const LF = 10;

/**
 * Parses one whole message as a datagram or a WebSocket message carries it (RFC 3261 18.3, RFC 7118 5).
 * Without Content-Length the body goes to the end. The body is a view of `bytes`, not a copy. Never throws.
 */
export function parseMessage(bytes: Uint8Array, limits?: Partial<SipLimits>): ParseResult {
  const bounds = sipLimits(limits);
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // RFC 3261 7.5: empty lines before the start line are ignored.
  let start = 0;
  while (buffer[start] === CR && buffer[start + 1] === LF) start += 2;
  if (start >= buffer.length) return { ok: false, error: sipParseError('no-message') };
  const found = buffer.indexOf(blankLine, start);
  const headEnd = found < 0 ? buffer.length : found;
  // A head that is too long is read as far as allowed, so that the sender can be told.
  const tooLong = headEnd - start > bounds.maxHeadBytes;
  const head = parseHead(
    decodeHead(buffer.subarray(start, tooLong ? start + bounds.maxHeadBytes : headEnd)),
    bounds,
  );
  const { message } = head;
  const refuse = (error: SipParseError): ParseResult => ({
    ok: false,
    error: message.kind === 'response' ? withoutStatus(error) : error,
    partial: message,
  });
  if (tooLong) return refuse(sipParseError('header-too-large'));
  if (buffer.length > bounds.maxMessageBytes) return refuse(sipParseError('message-too-large'));
  if (head.error !== undefined) return refuse(head.error);
  if (found < 0) return refuse(sipParseError('no-blank-line'));
  const bodyStart = headEnd + 4;
  const available = buffer.length - bodyStart;
  const length = head.contentLength ?? available;
  if (length > available) return refuse(sipParseError('body-truncated'));
  if (length > 0) message.body = buffer.subarray(bodyStart, bodyStart + length);
  return length === available ? { ok: true, message } : { ok: true, message, trailing: available - length };
}
