/** RFC 6347 section 4.3.2. */
export const HandshakeType = {
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export interface HandshakeMessage {
  type: number;
  sequence: number;
  body: Buffer;
  /** Of the record that completed it. */
  epoch: number;
}

const HEADER_LENGTH = 12;
/** Larger than any certificate chain in use; bounds what a peer can make us hold. */
const MAX_MESSAGE = 16_384;
/** Messages ahead of the expected one that are kept. A flight has at most seven. */
const WINDOW = 8;

/** The message as one fragment: its form on the wire when it fits, and in the transcript always (RFC 6347 section 4.2.6). */
export function wholeMessage(message: { type: number; sequence: number; body: Buffer }): Buffer {
  return fragment(message, 0, message.body.length);
}

export function fragment(
  message: { type: number; sequence: number; body: Buffer },
  start: number,
  length: number,
): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  header[0] = message.type;
  header.writeUIntBE(message.body.length, 1, 3);
  header.writeUInt16BE(message.sequence, 4);
  header.writeUIntBE(start, 6, 3);
  header.writeUIntBE(length, 9, 3);
  return Buffer.concat([header, message.body.subarray(start, start + length)]);
}

interface Partial {
  type: number;
  body: Buffer;
  have: Uint8Array;
  missing: number;
}

/** Puts the peer's handshake messages together and in order (RFC 6347 section 4.2.3). */
export class HandshakeReassembler {
  readonly #partials = new Map<number, Partial>();
  #next = 0;

  /** Sequence number of the message expected next. */
  get next(): number {
    return this.#next;
  }

  /** Takes the body of one handshake record. True when it held something older than what is expected: a retransmission. */
  push(record: Buffer): boolean {
    let repeated = false;
    for (let offset = 0; offset + HEADER_LENGTH <= record.length; ) {
      const length = record.readUIntBE(offset + 9, 3);
      const end = offset + HEADER_LENGTH + length;
      if (end > record.length) return repeated;
      if (record.readUInt16BE(offset + 4) < this.#next) repeated = true;
      else this.#store(record.subarray(offset, end));
      offset = end;
    }
    return repeated;
  }

  #store(raw: Buffer): void {
    const type = raw[0]!;
    const total = raw.readUIntBE(1, 3);
    const sequence = raw.readUInt16BE(4);
    const start = raw.readUIntBE(6, 3);
    const data = raw.subarray(HEADER_LENGTH);
    if (total > MAX_MESSAGE || start + data.length > total || sequence >= this.#next + WINDOW) return;
    let partial = this.#partials.get(sequence);
    if (!partial) {
      partial = { type, body: Buffer.alloc(total), have: new Uint8Array(total), missing: total };
      this.#partials.set(sequence, partial);
    }
    if (partial.type !== type || partial.body.length !== total) return;
    for (let i = 0; i < data.length; i++) {
      if (partial.have[start + i]) continue;
      partial.have[start + i] = 1;
      partial.body[start + i] = data[i]!;
      partial.missing--;
    }
  }

  /** The next message in order once it is complete. @param epoch of the record that was pushed last. */
  shift(epoch: number): HandshakeMessage | undefined {
    const partial = this.#partials.get(this.#next);
    if (!partial || partial.missing > 0) return undefined;
    this.#partials.delete(this.#next);
    return { type: partial.type, sequence: this.#next++, body: partial.body, epoch };
  }
}
