import { type SipParseError, type SipParseErrorCode, sipParseError, withoutStatus } from './errors.ts';
import { type SipLimits, sipLimits } from './limits.ts';
import type { SipMessage } from './message.ts';
import { decodeHead, type ParsedHead, parseHead } from './parse-head.ts';

/**
 * What came out of a stream. `ping` is a double CRLF to be answered with one CRLF, `pong` a single one
 * (RFC 5626 3.5.1). After an error with `fatal` the end of the message is unknown: answer, then close.
 */
export type StreamItem =
  | { message: SipMessage }
  | { error: SipParseError; partial?: SipMessage; fatal: boolean }
  | { keepAlive: 'ping' | 'pong' };

const CR = 13;
const LF = 10;
/** A buffer larger than this is given back when nothing is in it. */
const idleBufferBytes = 16_384;

/**
 * Cuts a byte stream into messages by Content-Length (RFC 3261 18.3). Limits are enforced on what has arrived, before
 * more is kept: it never holds more than one message's worth of bytes. Never throws.
 */
export class StreamFramer {
  readonly #limits: Readonly<SipLimits>;
  /** Bytes not yet consumed are `#buffer[#start, #end)`. */
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Start of the line whose end is being searched, how far it has been searched, lines of this message before it. */
  #lineStart = 0;
  #searched = 0;
  #lines = 0;
  /** A complete head whose body is awaited at `#start`. */
  #head: { parsed: ParsedHead; bodyLength: number } | undefined;
  /** CRLFs in a row outside a message: one is a pong, the second makes it a ping. */
  #emptyLines = 0;
  #failed = false;

  constructor(limits?: Partial<SipLimits>) {
    this.#limits = sipLimits(limits);
  }

  /** True after a fatal error; everything pushed from then on is dropped. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Bytes kept until the rest of a message arrives. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** Whether a message has begun that is not complete. */
  get inMessage(): boolean {
    return this.#head !== undefined || this.#end > this.#start;
  }

  /** Says that the last `pong` was one, and not the first half of a ping: the next CRLF begins anew. */
  pongTaken(): void {
    this.#emptyLines = 0;
  }

  /** Takes the next bytes, returns what they completed. Keeps no reference to `chunk`. */
  push(chunk: Uint8Array): StreamItem[] {
    const items: StreamItem[] = [];
    // In slices, so that a huge chunk is refused before it is copied.
    const slice = this.#limits.maxHeadBytes;
    for (let at = 0; at < chunk.length && !this.#failed; at += slice) {
      this.#append(chunk.subarray(at, at + slice));
      while (this.#head === undefined ? this.#readHead(items) : this.#readBody(items));
    }
    if (this.#failed) {
      this.#release();
    } else if (this.#emptyLines === 1 && this.#start === this.#end) {
      // A lone CRLF at the end of what has arrived: a pong, unless its other half comes later.
      items.push({ keepAlive: 'pong' });
    }
    // An idle connection does not keep the room of its largest message.
    if (this.#start === this.#end && this.#buffer.length > idleBufferBytes) this.#dropBuffer();
    return items;
  }

  #append(bytes: Uint8Array): void {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#lineStart -= this.#start;
      this.#searched -= this.#start;
      this.#end -= this.#start;
      this.#start = 0;
    }
    const needed = this.#end + bytes.length;
    if (needed > this.#buffer.length) {
      // Doubling keeps a byte-at-a-time feed linear.
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, 2048));
      this.#buffer.copy(grown, 0, 0, this.#end);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end = needed;
  }

  /** Searches for the blank line; false when more bytes are needed. */
  #readHead(items: StreamItem[]): boolean {
    if (this.#lines === 0) this.#skipEmptyLines(items);
    for (;;) {
      const feed = this.#buffer.subarray(0, this.#end).indexOf(LF, this.#searched);
      const refusal = this.#refusal(feed);
      if (refusal !== undefined) return this.#refuseEarly(items, refusal);
      if (feed < 0) {
        this.#searched = this.#end;
        return false;
      }
      const blank = feed === this.#lineStart + 1;
      const headEnd = this.#lineStart - 2;
      this.#lineStart = feed + 1;
      this.#searched = feed + 1;
      this.#lines++;
      if (blank) return this.#headComplete(headEnd, items);
    }
  }

  #refusal(feed: number): SipParseErrorCode | undefined {
    const lineEnd = feed < 0 ? this.#end : feed - 1;
    if (lineEnd - this.#lineStart > this.#limits.maxHeaderLineBytes) return 'header-line-too-long';
    if (lineEnd - this.#start > this.#limits.maxHeadBytes) return 'header-too-large';
    // Here each folded line counts: one field of thousands of lines is as bad. The start line is no field.
    if (this.#lines > this.#limits.maxHeaderCount + 1) return 'too-many-headers';
    if (feed >= 0 && (feed === this.#lineStart || this.#buffer[feed - 1] !== CR)) return 'bad-line-end';
    return undefined;
  }

  /** RFC 3261 7.5 has empty lines before a message ignored; RFC 5626 3.5.1 gives them a meaning. */
  #skipEmptyLines(items: StreamItem[]): void {
    while (
      this.#end - this.#start >= 2 &&
      this.#buffer[this.#start] === CR &&
      this.#buffer[this.#start + 1] === LF
    ) {
      this.#emptyLines++;
      if (this.#emptyLines === 2) {
        items.push({ keepAlive: 'ping' });
        this.#emptyLines = 0;
      }
      this.#consumeTo(this.#start + 2);
    }
  }

  #consumeTo(start: number): void {
    this.#start = start;
    this.#lineStart = start;
    this.#searched = start;
    this.#lines = 0;
  }

  #headComplete(headEnd: number, items: StreamItem[]): boolean {
    const parsed = parseHead(decodeHead(this.#buffer.subarray(this.#start, headEnd)), this.#limits);
    const bodyStart = this.#lineStart;
    const { contentLength } = parsed;
    this.#emptyLines = 0;
    if (parsed.badLength === true) return this.#refuse(items, parsed, 'bad-content-length');
    if (contentLength === undefined) return this.#refuse(items, parsed, 'no-content-length');
    if (bodyStart - this.#start + contentLength > this.#limits.maxMessageBytes) {
      return this.#refuse(items, parsed, 'message-too-large');
    }
    this.#consumeTo(bodyStart);
    this.#head = { parsed, bodyLength: contentLength };
    return true;
  }

  #readBody(items: StreamItem[]): boolean {
    const { parsed, bodyLength } = this.#head!;
    const bodyEnd = this.#start + bodyLength;
    if (this.#end < bodyEnd) return false;
    if (parsed.error !== undefined) {
      items.push({ error: parsed.error, partial: parsed.message, fatal: false });
    } else {
      // A copy: the buffer is used again.
      if (bodyLength > 0) parsed.message.body = Buffer.from(this.#buffer.subarray(this.#start, bodyEnd));
      items.push({ message: parsed.message });
    }
    this.#head = undefined;
    this.#consumeTo(bodyEnd);
    return true;
  }

  /** Refuses a head that is not complete: what is there of it is read, so that the sender can be told. */
  #refuseEarly(items: StreamItem[], code: SipParseErrorCode): boolean {
    const parsed = parseHead(decodeHead(this.#buffer.subarray(this.#start, this.#lineStart)), this.#limits);
    return this.#refuse(items, parsed, code);
  }

  #refuse(items: StreamItem[], { message, error: found }: ParsedHead, code: SipParseErrorCode): boolean {
    // A wrong version or start line says more than the missing length that follows from it.
    const error = code === 'no-content-length' ? (found ?? sipParseError(code)) : sipParseError(code);
    items.push({
      error: message.kind === 'response' ? withoutStatus(error) : error,
      partial: message,
      fatal: true,
    });
    this.#failed = true;
    return false;
  }

  #release(): void {
    this.#dropBuffer();
    this.#head = undefined;
  }

  #dropBuffer(): void {
    this.#buffer = Buffer.alloc(0);
    this.#consumeTo(0);
    this.#end = 0;
  }
}
