import { createCipheriv, createDecipheriv } from 'node:crypto';

/** RFC 5246 section 6.2.1. */
export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

const DTLS_1_0 = 0xfeff;
const DTLS_1_2 = 0xfefd;
const HEADER_LENGTH = 13;
const EXPLICIT_NONCE_LENGTH = 8;
const TAG_LENGTH = 16;

/** Keeps datagrams below every usual MTU, IPv6 and tunnels included. */
export const MAX_DATAGRAM = 1200;

export interface DtlsRecord {
  type: number;
  epoch: number;
  body: Buffer;
}

/** Keys of one direction of AES_128_GCM (RFC 5288). */
export interface WriteKeys {
  key: Buffer;
  /** 4 bytes. */
  iv: Buffer;
}

/**
 * DTLS 1.2 records (RFC 6347 section 4.1): epoch 0 in clear, epoch 1 with AES-128-GCM. What cannot be read or
 * authenticated is skipped in silence (section 4.1.2.7).
 */
export class RecordLayer {
  readonly #nextSequence = [0, 0];
  /** Sequence numbers of epoch 1 already seen, as a window below the highest one (section 4.1.2.6). */
  #highest = -1;
  #seen = 0n;
  #keys: { read: WriteKeys; write: WriteKeys } | undefined;

  setKeys(keys: { read: WriteKeys; write: WriteKeys }): void {
    this.#keys = keys;
  }

  *read(datagram: Buffer): Generator<DtlsRecord> {
    for (let offset = 0; offset + HEADER_LENGTH <= datagram.length; ) {
      const end = offset + HEADER_LENGTH + datagram.readUInt16BE(offset + 11);
      if (end > datagram.length) return;
      const record = this.#readOne(datagram.subarray(offset, end));
      if (record) yield record;
      offset = end;
    }
  }

  #readOne(raw: Buffer): DtlsRecord | undefined {
    const version = raw.readUInt16BE(1);
    if (version !== DTLS_1_2 && version !== DTLS_1_0) return undefined;
    const epoch = raw.readUInt16BE(3);
    const type = raw[0]!;
    if (epoch === 0) return { type, epoch, body: raw.subarray(HEADER_LENGTH) };
    if (epoch !== 1 || !this.#keys) return undefined;
    const sequence = raw.readUIntBE(5, 6);
    if (this.#isReplay(sequence)) return undefined;
    const body = decrypt(raw, this.#keys.read);
    if (!body) return undefined;
    this.#remember(sequence);
    return { type, epoch, body };
  }

  #isReplay(sequence: number): boolean {
    const age = this.#highest - sequence;
    return age >= 64 || (age >= 0 && ((this.#seen >> BigInt(age)) & 1n) === 1n);
  }

  #remember(sequence: number): void {
    const ahead = sequence - this.#highest;
    if (ahead > 0) {
      this.#seen = ahead >= 64 ? 1n : BigInt.asUintN(64, (this.#seen << BigInt(ahead)) | 1n);
      this.#highest = sequence;
    } else {
      this.#seen |= 1n << BigInt(-ahead);
    }
  }

  /** Records are numbered anew each time they are sent, retransmissions included. */
  write(record: DtlsRecord): Buffer {
    const sequence = this.#nextSequence[record.epoch]!++;
    const header = Buffer.alloc(HEADER_LENGTH);
    header[0] = record.type;
    header.writeUInt16BE(DTLS_1_2, 1);
    header.writeUInt16BE(record.epoch, 3);
    header.writeUIntBE(sequence, 5, 6);
    const body = record.epoch === 0 ? record.body : encrypt(header, record.body, this.#keys!.write);
    header.writeUInt16BE(body.length, 11);
    return Buffer.concat([header, body]);
  }
}

/** Epoch and sequence number, type, version and plain length (RFC 5246 section 6.2.3.3). */
function additionalData(header: Buffer, length: number): Buffer {
  const data = Buffer.alloc(13);
  header.copy(data, 0, 3, 11);
  header.copy(data, 8, 0, 3);
  data.writeUInt16BE(length, 11);
  return data;
}

function encrypt(header: Buffer, body: Buffer, { key, iv }: WriteKeys): Buffer {
  const explicit = header.subarray(3, 11);
  const cipher = createCipheriv('aes-128-gcm', key, Buffer.concat([iv, explicit]));
  cipher.setAAD(additionalData(header, body.length));
  return Buffer.concat([explicit, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(raw: Buffer, { key, iv }: WriteKeys): Buffer | undefined {
  const length = raw.length - HEADER_LENGTH - EXPLICIT_NONCE_LENGTH - TAG_LENGTH;
  if (length < 0) return undefined;
  const start = HEADER_LENGTH + EXPLICIT_NONCE_LENGTH;
  const nonce = Buffer.concat([iv, raw.subarray(HEADER_LENGTH, start)]);
  const decipher = createDecipheriv('aes-128-gcm', key, nonce);
  decipher.setAAD(additionalData(raw, length));
  decipher.setAuthTag(raw.subarray(start + length));
  try {
    return Buffer.concat([decipher.update(raw.subarray(start, start + length)), decipher.final()]);
  } catch {
    return undefined;
  }
}
