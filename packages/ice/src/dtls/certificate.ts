import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate with its key, for the DTLS handshakes of one process. */
export interface DtlsCertificate {
  der: Buffer;
  privateKey: KeyObject;
  /** SHA-256 over `der`, as in `a=fingerprint` (RFC 8122 section 5). */
  fingerprint: Fingerprint;
}

export interface Fingerprint {
  /** Hash name of RFC 8122, for example `sha-256`. */
  algorithm: string;
  /** Upper-case hex pairs separated by colons. */
  value: string;
}

const VALID_DAYS = 30;

/** Makes a self-signed ECDSA P-256 certificate, as RFC 8827 section 6.5 asks for. Valid for 30 days. */
export function createCertificate(now = Date.now()): DtlsCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid([1, 2, 840, 10045, 4, 3, 2])); // ecdsa-with-SHA256
  const commonName = sequence(oid([2, 5, 4, 3]), tagged(0x0c, Buffer.from('ringthrough')));
  const name = sequence(tagged(0x31, commonName));
  // A positive INTEGER without superfluous leading zeros.
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const day = 86_400_000;
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))), // version 3
    tagged(0x02, serial),
    algorithm,
    name,
    // Peers' clocks differ: valid from yesterday.
    sequence(utcTime(now - day), utcTime(now + VALID_DAYS * day)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', body, privateKey);
  const der = sequence(body, algorithm, tagged(0x03, Buffer.from([0]), signature));
  return { der, privateKey, fingerprint: { algorithm: 'sha-256', value: hashOf('sha256', der) } };
}

/** Hashes that still bind a certificate; SHA-1 and MD5 do not. */
const HASHES: Readonly<Record<string, string>> = {
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
};

/** Whether one of the fingerprints is that of the certificate (RFC 8122 section 5). */
export function matchesFingerprint(der: Uint8Array, fingerprints: readonly Fingerprint[]): boolean {
  return fingerprints.some(({ algorithm, value }) => {
    const hash = HASHES[algorithm.toLowerCase()];
    return hash !== undefined && hashOf(hash, der) === value.toUpperCase();
  });
}

function hashOf(hash: string, der: Uint8Array): string {
  const hex = createHash(hash).update(der).digest('hex').toUpperCase();
  return hex.match(/../g)!.join(':');
}

function tagged(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

function sequence(...parts: Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

function oid([first, second, ...rest]: number[]): Buffer {
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let high = arc >> 7; high > 0; high >>= 7) digits.unshift((high & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tagged(0x06, Buffer.from(bytes));
}

function utcTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${text}Z`));
}
