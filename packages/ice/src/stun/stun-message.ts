import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** RFC 8489 section 5: fixed value that tells STUN from everything before it. */
export const MAGIC_COOKIE = 0x2112a442;
export const BINDING_METHOD = 0x0001;

/** Attribute types: RFC 8489 section 18.3, RFC 8445 section 16.1. */
export const StunAttributeType = {
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  software: 0x8022,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

export type StunClass = 'request' | 'indication' | 'success' | 'error';

export interface StunAttribute {
  type: number;
  value: Uint8Array;
}

export interface StunMessage {
  class: StunClass;
  method: number;
  /** 12 bytes. */
  transactionId: Uint8Array;
  /** In order, without MESSAGE-INTEGRITY and FINGERPRINT and without what follows MESSAGE-INTEGRITY. */
  attributes: StunAttribute[];
}

/** A message as it came, with what is needed to check it. */
export interface ReceivedStunMessage extends StunMessage {
  raw: Uint8Array;
  /** Offset of the MESSAGE-INTEGRITY attribute in `raw`. */
  integrityOffset: number | undefined;
  hasFingerprint: boolean;
}

export interface TransportAddress {
  address: string;
  port: number;
}

const HEADER_LENGTH = 20;
const FINGERPRINT_XOR = 0x5354554e;
const CLASSES: readonly StunClass[] = ['request', 'indication', 'success', 'error'];

/**
 * Parses a datagram (RFC 8489 section 6.3). Returns undefined for everything that is not a complete, well-formed STUN
 * message, a wrong FINGERPRINT included. MESSAGE-INTEGRITY is checked by `verifyIntegrity`.
 */
export function parseStun(raw: Uint8Array): ReceivedStunMessage | undefined {
  if (raw.length < HEADER_LENGTH) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const type = view.getUint16(0);
  const length = view.getUint16(2);
  if (type > 0x3fff || view.getUint32(4) !== MAGIC_COOKIE) return undefined;
  if (length % 4 !== 0 || length + HEADER_LENGTH !== raw.length) return undefined;
  const message: ReceivedStunMessage = {
    class: CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)]!,
    method: (type & 0xf) | ((type >> 1) & 0x70) | ((type >> 2) & 0xf80),
    transactionId: raw.subarray(8, HEADER_LENGTH),
    attributes: [],
    raw,
    integrityOffset: undefined,
    hasFingerprint: false,
  };
  return readAttributes(message, view) ? message : undefined;
}

function readAttributes(message: ReceivedStunMessage, view: DataView): boolean {
  const { raw } = message;
  for (let offset = HEADER_LENGTH; offset < raw.length; ) {
    if (offset + 4 > raw.length || message.hasFingerprint) return false;
    const type = view.getUint16(offset);
    const length = view.getUint16(offset + 2);
    const end = offset + 4 + length;
    if (end > raw.length) return false;
    if (type === StunAttributeType.fingerprint) {
      if (length !== 4 || view.getUint32(offset + 4) !== fingerprintOf(raw.subarray(0, offset))) return false;
      message.hasFingerprint = true;
    } else if (type === StunAttributeType.messageIntegrity) {
      if (length !== 20) return false;
      message.integrityOffset ??= offset;
    } else if (message.integrityOffset === undefined) {
      // What follows MESSAGE-INTEGRITY is not protected by it and is ignored (RFC 8489 section 14.5).
      message.attributes.push({ type, value: raw.subarray(offset + 4, end) });
    }
    offset = (end + 3) & ~3;
  }
  return true;
}

/** @param raw everything before the FINGERPRINT attribute, whose header already counts that attribute. */
function fingerprintOf(raw: Uint8Array): number {
  return (crc32(raw) ^ FINGERPRINT_XOR) >>> 0;
}

/** @param key the password, for short-term credentials (RFC 8489 section 9.1.1). */
export function verifyIntegrity(message: ReceivedStunMessage, key: string | Uint8Array): boolean {
  const offset = message.integrityOffset;
  if (offset === undefined) return false;
  const expected = integrityOf(message.raw, offset, key);
  return timingSafeEqual(expected, message.raw.subarray(offset + 4, offset + 24));
}

/** The HMAC covers the message up to MESSAGE-INTEGRITY, with a length that ends at it (RFC 8489 section 14.5). */
function integrityOf(raw: Uint8Array, offset: number, key: string | Uint8Array): Buffer {
  const header = Buffer.from(raw.subarray(0, HEADER_LENGTH));
  header.writeUInt16BE(offset + 24 - HEADER_LENGTH, 2);
  return createHmac('sha1', key).update(header).update(raw.subarray(HEADER_LENGTH, offset)).digest();
}

export interface SerializeStunOptions {
  /** Adds MESSAGE-INTEGRITY. */
  key?: string | Uint8Array | undefined;
  /** Adds FINGERPRINT. Default: true, as ICE asks for. */
  fingerprint?: boolean;
}

export function serializeStun(message: StunMessage, options: SerializeStunOptions = {}): Buffer {
  const withFingerprint = options.fingerprint ?? true;
  let length = 0;
  for (const attribute of message.attributes) length += 4 + ((attribute.value.length + 3) & ~3);
  const integrityOffset = HEADER_LENGTH + length;
  if (options.key !== undefined) length += 24;
  if (withFingerprint) length += 8;
  const out = Buffer.alloc(HEADER_LENGTH + length);
  out.writeUInt16BE(messageType(message), 0);
  out.writeUInt16BE(length, 2);
  out.writeUInt32BE(MAGIC_COOKIE, 4);
  out.set(message.transactionId, 8);
  let offset = HEADER_LENGTH;
  for (const { type, value } of message.attributes) {
    out.writeUInt16BE(type, offset);
    out.writeUInt16BE(value.length, offset + 2);
    out.set(value, offset + 4);
    offset += 4 + ((value.length + 3) & ~3);
  }
  if (options.key !== undefined) {
    out.writeUInt16BE(StunAttributeType.messageIntegrity, offset);
    out.writeUInt16BE(20, offset + 2);
    out.set(integrityOf(out, integrityOffset, options.key), offset + 4);
    offset += 24;
  }
  if (withFingerprint) {
    out.writeUInt16BE(StunAttributeType.fingerprint, offset);
    out.writeUInt16BE(4, offset + 2);
    out.writeUInt32BE(fingerprintOf(out.subarray(0, offset)), offset + 4);
  }
  return out;
}

function messageType(message: StunMessage): number {
  const { method } = message;
  const kind = CLASSES.indexOf(message.class);
  return (
    (method & 0xf) | ((method & 0x70) << 1) | ((method & 0xf80) << 2) | ((kind & 1) << 4) | ((kind & 2) << 7)
  );
}

/** The first attribute of that type. */
export function stunAttribute(message: StunMessage, type: number): Uint8Array | undefined {
  return message.attributes.find((attribute) => attribute.type === type)?.value;
}
