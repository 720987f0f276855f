import { isIPv6 } from 'node:net';
import { hostBytes } from './ip-address.ts';
import type { Endpoint } from './types.ts';

const headerBytes = 20;
const magicCookie = 0x2112a442;
const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const bindingError = 0x0111;
const errorCode = 0x0009;
const unknownAttributes = 0x000a;
const xorMappedAddress = 0x0020;
/** USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, USERHASH: nobody has to prove himself here. */
const credentials: ReadonlySet<number> = new Set([0x0006, 0x0008, 0x0014, 0x0015, 0x001c, 0x001e]);
const maxUnknown = 8;

/**
 * The answer to a STUN Binding request on a SIP port, the keep-alive of RFC 5626 section 3.5.2: it tells the device the
 * address that it is seen at, so that it notices when its NAT gave it another. Undefined for everything else.
 */
export function answerStun(request: Uint8Array, from: Endpoint): Buffer | undefined {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.length);
  if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== bindingRequest) return undefined;
  if (bytes.readUInt32BE(4) !== magicCookie || bytes.readUInt16BE(2) !== bytes.length - headerBytes)
    return undefined;
  const unknown = unknownIn(bytes);
  if (unknown === undefined) return undefined;
  const transaction = bytes.subarray(4, headerBytes);
  if (unknown.length > 0) return refusal(transaction, unknown);
  return message(bindingSuccess, transaction, [attribute(xorMappedAddress, mapped(from, transaction))]);
}

/** Attributes that must be understood and are not, RFC 8489 section 14; undefined if the list is broken. */
function unknownIn(bytes: Buffer): number[] | undefined {
  const unknown: number[] = [];
  let at = headerBytes;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined;
    const type = bytes.readUInt16BE(at);
    at += 4 + Math.ceil(bytes.readUInt16BE(at + 2) / 4) * 4;
    if (type < 0x8000 && !credentials.has(type) && unknown.length < maxUnknown) unknown.push(type);
  }
  return at === bytes.length ? unknown : undefined;
}

/** RFC 8489 section 6.3.1: 420. */
function refusal(transaction: Buffer, unknown: number[]): Buffer {
  const types = Buffer.alloc(unknown.length * 2);
  for (const [index, type] of unknown.entries()) types.writeUInt16BE(type, index * 2);
  const code = attribute(errorCode, Buffer.from([0, 0, 4, 20]));
  return message(bindingError, transaction, [code, attribute(unknownAttributes, types)]);
}

/** RFC 8489 section 14.2. */
function mapped({ host, port }: Endpoint, transaction: Buffer): Buffer {
  const address = hostBytes(host);
  const value = Buffer.from([0, isIPv6(host) ? 2 : 1, port >> 8, port & 0xff, ...address]);
  value.writeUInt16BE(port ^ (magicCookie >>> 16), 2);
  for (let index = 0; index < address.length; index++) value[4 + index]! ^= transaction[index]!;
  return value;
}

function attribute(type: number, value: Buffer): Buffer {
  const out = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  out.writeUInt16BE(type, 0);
  out.writeUInt16BE(value.length, 2);
  value.copy(out, 4);
  return out;
}

/** @param transaction the magic cookie and the transaction ID */
function message(type: number, transaction: Buffer, attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, transaction, body]);
}
