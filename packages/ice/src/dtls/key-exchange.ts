import {
  constants,
  createECDH,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { DtlsFailure } from './dtls-failure.ts';

/** Named groups: RFC 8422 section 5.1.1. */
export const NamedGroup = { secp256r1: 23, x25519: 29 } as const;

/** In order of preference. */
export const GROUPS: readonly number[] = [NamedGroup.x25519, NamedGroup.secp256r1];

/** One ephemeral key of an ECDHE exchange. */
export interface EphemeralKey {
  group: number;
  /** As it stands in ServerKeyExchange and ClientKeyExchange. */
  publicKey: Buffer;
  /** The premaster secret. Throws DtlsFailure when the peer's point is not one. */
  derive(peer: Buffer): Buffer;
}

export function generateEphemeralKey(group: number): EphemeralKey {
  if (group === NamedGroup.x25519) return x25519();
  if (group === NamedGroup.secp256r1) return secp256r1();
  throw new DtlsFailure('illegal_parameter', 'the peer chose a group that was not offered');
}

function secp256r1(): EphemeralKey {
  const ecdh = createECDH('prime256v1');
  const publicKey = ecdh.generateKeys();
  const derive = (peer: Buffer) => orIllegal(() => ecdh.computeSecret(peer));
  return { group: NamedGroup.secp256r1, publicKey, derive };
}

function x25519(): EphemeralKey {
  const pair = generateKeyPairSync('x25519');
  const publicKey = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url');
  const derive = (peer: Buffer) =>
    orIllegal(() => {
      const jwk = { kty: 'OKP', crv: 'X25519', x: peer.toString('base64url') };
      // An all-zero result is refused by OpenSSL (RFC 8422 section 5.11).
      return diffieHellman({
        privateKey: pair.privateKey,
        publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
      });
    });
  return { group: NamedGroup.x25519, publicKey, derive };
}

function orIllegal(derive: () => Buffer): Buffer {
  try {
    return derive();
  } catch {
    throw new DtlsFailure('illegal_parameter', "the peer's key share is not a point of its group");
  }
}

/** What signatures the peer may make with its certificate's key, in order of preference. */
const SCHEMES = new Map<number, { hash: string; keyType: 'ec' | 'rsa'; pss?: boolean }>([
  [0x0403, { hash: 'sha256', keyType: 'ec' }],
  [0x0503, { hash: 'sha384', keyType: 'ec' }],
  [0x0804, { hash: 'sha256', keyType: 'rsa', pss: true }],
  [0x0401, { hash: 'sha256', keyType: 'rsa' }],
]);

/** Signature schemes that are understood, for the signature_algorithms extension and CertificateRequest. */
export const SIGNATURE_SCHEMES: readonly number[] = [...SCHEMES.keys()];

/** The scheme our own certificate signs with: ecdsa_secp256r1_sha256. */
export const OWN_SCHEME = 0x0403;

export function signWithOwnScheme(data: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', data, key);
}

export function verifySignature(
  scheme: number,
  key: KeyObject,
  signed: { data: Buffer; signature: Buffer },
): boolean {
  const known = SCHEMES.get(scheme);
  if (!known || key.asymmetricKeyType !== known.keyType) return false;
  const how = known.pss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : key;
  return verify(known.hash, signed.data, how, signed.signature);
}
