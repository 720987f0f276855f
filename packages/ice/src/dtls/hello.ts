import { ByteReader, uint8, uint16, vector } from './bytes.ts';
import { DtlsFailure } from './dtls-failure.ts';
import { GROUPS, OWN_SCHEME, SIGNATURE_SCHEMES } from './key-exchange.ts';

const DTLS_1_2 = 0xfefd;

/** Cipher suites: RFC 5289. The first is what RFC 8827 section 6.5 demands of every WebRTC endpoint. */
export const CipherSuite = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 0xc02b,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 0xc02f,
} as const;

/** RFC 5764 section 4.1.2. */
const SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001;

const Extension = {
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  supportedVersions: 43,
  renegotiationInfo: 0xff01,
} as const;

type Extensions = Map<number, Buffer>;

export interface ClientHello {
  random: Buffer;
  group: number;
}

export interface ServerHello {
  random: Buffer;
  cipherSuite: number;
}

/** Reads a ClientHello and settles what this server can do with it. Throws DtlsFailure when they have nothing in common. */
export function readClientHello(body: Buffer): ClientHello {
  const reader = new ByteReader(body);
  reader.uint16();
  const random = reader.take(32);
  reader.vector(1); // session id: sessions are never resumed
  reader.vector(1); // cookie: none was asked for, ICE has proved the address
  const suites = reader.uint16List(2);
  reader.vector(1); // compression methods: null is always among them
  const extensions = readExtensions(reader);
  const versions = extensions.get(Extension.supportedVersions);
  if (versions && !new ByteReader(versions).uint16List(1).includes(DTLS_1_2)) {
    throw new DtlsFailure('protocol_version', 'the peer does not speak DTLS 1.2');
  }
  const offered = listOf(extensions, Extension.supportedGroups);
  const group = GROUPS.find((candidate) => offered.includes(candidate));
  const signs = listOf(extensions, Extension.signatureAlgorithms).includes(OWN_SCHEME);
  if (!suites.includes(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) || !group || !signs) {
    throw new DtlsFailure('handshake_failure', 'no common cipher suite, group or signature scheme');
  }
  requireSrtpAndExtendedMasterSecret(extensions);
  return { random, group };
}

export function writeServerHello(random: Buffer): Buffer {
  return Buffer.concat([
    uint16(DTLS_1_2),
    random,
    vector(1),
    uint16(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    uint8(0),
    writeExtensions([
      [Extension.renegotiationInfo, vector(1)],
      [Extension.extendedMasterSecret, Buffer.alloc(0)],
      [Extension.ecPointFormats, vector(1, uint8(0))],
      [Extension.useSrtp, useSrtp()],
    ]),
  ]);
}

export function writeClientHello(random: Buffer, cookie: Buffer): Buffer {
  return Buffer.concat([
    uint16(DTLS_1_2),
    random,
    vector(1),
    vector(1, cookie),
    vector(2, uint16(...Object.values(CipherSuite))),
    vector(1, uint8(0)),
    writeExtensions([
      [Extension.renegotiationInfo, vector(1)],
      [Extension.extendedMasterSecret, Buffer.alloc(0)],
      [Extension.supportedGroups, vector(2, uint16(...GROUPS))],
      [Extension.ecPointFormats, vector(1, uint8(0))],
      [Extension.signatureAlgorithms, vector(2, uint16(...SIGNATURE_SCHEMES))],
      [Extension.useSrtp, useSrtp()],
    ]),
  ]);
}

export function readServerHello(body: Buffer): ServerHello {
  const reader = new ByteReader(body);
  if (reader.uint16() !== DTLS_1_2)
    throw new DtlsFailure('protocol_version', 'the peer does not speak DTLS 1.2');
  const random = reader.take(32);
  reader.vector(1);
  const cipherSuite = reader.uint16();
  reader.uint8();
  if (!Object.values<number>(CipherSuite).includes(cipherSuite)) {
    throw new DtlsFailure('illegal_parameter', 'the peer chose a cipher suite that was not offered');
  }
  requireSrtpAndExtendedMasterSecret(readExtensions(reader));
  return { random, cipherSuite };
}

/** The cookie of a HelloVerifyRequest (RFC 6347 section 4.2.1). */
export function readHelloVerifyRequest(body: Buffer): Buffer {
  const reader = new ByteReader(body);
  reader.uint16();
  return reader.vector(1);
}

/** Without the extended master secret (RFC 7627) the exported SRTP keys are not bound to this handshake. */
function requireSrtpAndExtendedMasterSecret(extensions: Extensions): void {
  const srtp = extensions.get(Extension.useSrtp);
  if (!srtp || !new ByteReader(srtp).uint16List(2).includes(SRTP_AES128_CM_HMAC_SHA1_80)) {
    throw new DtlsFailure('handshake_failure', 'the peer does not offer SRTP_AES128_CM_HMAC_SHA1_80');
  }
  if (!extensions.has(Extension.extendedMasterSecret)) {
    throw new DtlsFailure('handshake_failure', 'the peer does not offer the extended master secret');
  }
}

/** One profile and an empty MKI (RFC 5764 section 4.1.1). */
function useSrtp(): Buffer {
  return Buffer.concat([vector(2, uint16(SRTP_AES128_CM_HMAC_SHA1_80)), vector(1)]);
}

function listOf(extensions: Extensions, type: number): number[] {
  const body = extensions.get(type);
  return body ? new ByteReader(body).uint16List(2) : [];
}

function readExtensions(reader: ByteReader): Extensions {
  const extensions: Extensions = new Map();
  if (reader.remaining === 0) return extensions;
  const all = new ByteReader(reader.vector(2));
  while (all.remaining > 0) extensions.set(all.uint16(), all.vector(2));
  return extensions;
}

function writeExtensions(extensions: Array<[type: number, body: Buffer]>): Buffer {
  return vector(2, ...extensions.flatMap(([type, body]) => [uint16(type), vector(2, body)]));
}
