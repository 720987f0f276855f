import { createHash, X509Certificate } from 'node:crypto';
import { ByteReader, uint8, uint16, vector } from './bytes.ts';
import { type DtlsCertificate, type Fingerprint, matchesFingerprint } from './certificate.ts';
import { DtlsFailure } from './dtls-failure.ts';
import { type EphemeralKey, OWN_SCHEME, signWithOwnScheme, verifySignature } from './key-exchange.ts';
import { prf } from './prf.ts';
import type { WriteKeys } from './record-layer.ts';

export type DtlsRole = 'client' | 'server';

/** Keys and salts of AES128_CM_HMAC_SHA1_80, 16 and 14 bytes (RFC 5764 section 4.2). */
export interface SrtpKeys {
  local: { key: Buffer; salt: Buffer };
  remote: { key: Buffer; salt: Buffer };
}

const MASTER_SECRET_LENGTH = 48;
const NAMED_CURVE = 3;

/** What both roles of a handshake keep and compute alike: transcript, certificates, secrets. */
export class HandshakeContext {
  readonly role: DtlsRole;
  readonly certificate: DtlsCertificate;
  readonly #fingerprints: readonly Fingerprint[];
  #transcript: Buffer[] = [];
  #peerCertificate: X509Certificate | undefined;
  #masterSecret: Buffer = Buffer.alloc(0);
  clientRandom: Buffer = Buffer.alloc(32);
  serverRandom: Buffer = Buffer.alloc(32);

  constructor(options: {
    role: DtlsRole;
    certificate: DtlsCertificate;
    fingerprints: readonly Fingerprint[];
  }) {
    this.role = options.role;
    this.certificate = options.certificate;
    this.#fingerprints = options.fingerprints;
  }

  append(wholeMessage: Buffer): void {
    this.#transcript.push(wholeMessage);
  }

  /** The transcript starts over after a HelloVerifyRequest (RFC 6347 section 4.2.6). */
  resetTranscript(): void {
    this.#transcript = [];
  }

  get hasPeerCertificate(): boolean {
    return this.#peerCertificate !== undefined;
  }

  writeCertificate(): Buffer {
    return vector(3, vector(3, this.certificate.der));
  }

  /** Checks the peer's certificate against the fingerprints from signalling (RFC 8122 section 6.2). */
  readCertificate(body: Buffer): void {
    const list = new ByteReader(new ByteReader(body).vector(3));
    if (list.remaining === 0) throw new DtlsFailure('handshake_failure', 'the peer has no certificate');
    const der = list.vector(3);
    if (!matchesFingerprint(der, this.#fingerprints)) {
      throw new DtlsFailure(
        'bad_certificate',
        "the peer's certificate has another fingerprint than its SDP says",
      );
    }
    try {
      this.#peerCertificate = new X509Certificate(der);
    } catch {
      throw new DtlsFailure('bad_certificate', "the peer's certificate cannot be read");
    }
  }

  /** Signs the transcript: proves that we hold the key of our certificate. */
  writeCertificateVerify(): Buffer {
    return signed(signWithOwnScheme(Buffer.concat(this.#transcript), this.certificate.privateKey));
  }

  readCertificateVerify(body: Buffer): void {
    this.#verify(new ByteReader(body), Buffer.concat(this.#transcript));
  }

  /** RFC 8422 section 5.4. */
  writeServerKeyExchange(key: EphemeralKey): Buffer {
    const params = Buffer.concat([uint8(NAMED_CURVE), uint16(key.group), vector(1, key.publicKey)]);
    const data = Buffer.concat([this.clientRandom, this.serverRandom, params]);
    return Buffer.concat([params, signed(signWithOwnScheme(data, this.certificate.privateKey))]);
  }

  readServerKeyExchange(body: Buffer): { group: number; publicKey: Buffer } {
    const reader = new ByteReader(body);
    if (reader.uint8() !== NAMED_CURVE) throw new DtlsFailure('illegal_parameter', 'not a named curve');
    const group = reader.uint16();
    const publicKey = reader.vector(1);
    const params = body.subarray(0, body.length - reader.remaining);
    this.#verify(reader, Buffer.concat([this.clientRandom, this.serverRandom, params]));
    return { group, publicKey };
  }

  #verify(reader: ByteReader, data: Buffer): void {
    const scheme = reader.uint16();
    const signature = reader.vector(2);
    const key = this.#peerCertificate?.publicKey;
    if (!key || !verifySignature(scheme, key, { data, signature })) {
      throw new DtlsFailure('decrypt_error', "the peer's signature does not fit its certificate");
    }
  }

  /** RFC 7627 section 4; the transcript ends with ClientKeyExchange. Returns the record keys. */
  deriveKeys(premaster: Buffer): { read: WriteKeys; write: WriteKeys } {
    const options = { seed: this.#transcriptHash(), length: MASTER_SECRET_LENGTH };
    this.#masterSecret = prf(premaster, 'extended master secret', options);
    const seed = Buffer.concat([this.serverRandom, this.clientRandom]);
    const block = prf(this.#masterSecret, 'key expansion', { seed, length: 40 });
    const client = { key: block.subarray(0, 16), iv: block.subarray(32, 36) };
    const server = { key: block.subarray(16, 32), iv: block.subarray(36, 40) };
    return this.role === 'client' ? { read: server, write: client } : { read: client, write: server };
  }

  /** RFC 5246 section 7.4.9. */
  verifyData(of: DtlsRole): Buffer {
    return prf(this.#masterSecret, `${of} finished`, { seed: this.#transcriptHash(), length: 12 });
  }

  /** RFC 5705 and RFC 5764 section 4.2. */
  srtpKeys(): SrtpKeys {
    const seed = Buffer.concat([this.clientRandom, this.serverRandom]);
    const block = prf(this.#masterSecret, 'EXTRACTOR-dtls_srtp', { seed, length: 60 });
    const client = { key: block.subarray(0, 16), salt: block.subarray(32, 46) };
    const server = { key: block.subarray(16, 32), salt: block.subarray(46, 60) };
    return this.role === 'client' ? { local: client, remote: server } : { local: server, remote: client };
  }

  #transcriptHash(): Buffer {
    const hash = createHash('sha256');
    for (const message of this.#transcript) hash.update(message);
    return hash.digest();
  }
}

function signed(signature: Buffer): Buffer {
  return Buffer.concat([uint16(OWN_SCHEME), vector(2, signature)]);
}
