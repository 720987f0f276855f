import {
  MAGIC_COOKIE,
  type StunAttribute,
  StunAttributeType,
  type TransportAddress,
} from './stun-message.ts';

/** RFC 8489 section 14.2. */
export function xorMappedAddress(remote: TransportAddress, transactionId: Uint8Array): StunAttribute {
  const bytes = addressBytes(remote.address);
  const value = Buffer.alloc(4 + bytes.length);
  value[1] = bytes.length === 4 ? 1 : 2;
  value.writeUInt16BE(remote.port ^ (MAGIC_COOKIE >>> 16), 2);
  const mask = addressMask(transactionId);
  for (const [i, byte] of bytes.entries()) value[4 + i] = byte ^ mask[i]!;
  return { type: StunAttributeType.xorMappedAddress, value };
}

/** Undefined when the attribute is malformed. */
export function parseXorMappedAddress(
  value: Uint8Array,
  transactionId: Uint8Array,
): TransportAddress | undefined {
  const length = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0;
  if (length === 0 || value.length !== 4 + length) return undefined;
  const mask = addressMask(transactionId);
  const bytes = value.subarray(4).map((byte, i) => byte ^ mask[i]!);
  const port = ((value[2]! << 8) | value[3]!) ^ (MAGIC_COOKIE >>> 16);
  return { address: length === 4 ? bytes.join('.') : formatIpv6(bytes), port };
}

function addressMask(transactionId: Uint8Array): Buffer {
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(MAGIC_COOKIE, 0);
  mask.set(transactionId, 4);
  return mask;
}

function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail] = address.split('::');
  const words = (text: string) =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  return words.join(':');
}

/** RFC 8489 section 14.8. */
export function errorCode(code: number, reason: string): StunAttribute {
  const value = Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), Buffer.from(reason)]);
  return { type: StunAttributeType.errorCode, value };
}

/** RFC 8489 section 14.9. */
export function unknownAttributes(types: readonly number[]): StunAttribute {
  const value = Buffer.alloc(2 * types.length);
  for (const [i, type] of types.entries()) value.writeUInt16BE(type, 2 * i);
  return { type: StunAttributeType.unknownAttributes, value };
}

export function parseErrorCode(value: Uint8Array): number | undefined {
  return value.length < 4 ? undefined : value[2]! * 100 + value[3]!;
}
