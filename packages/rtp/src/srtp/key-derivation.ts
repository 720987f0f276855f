import { AesCounterMode } from './aes-counter-mode.ts';

/** Master key (16 bytes) and master salt (14 bytes) of one direction, as DTLS-SRTP or SDES gives them. */
export interface SrtpMasterKey {
  key: Uint8Array;
  salt: Uint8Array;
}

/** Session keys of RFC 3711 section 4.3: encryption key 16, authentication key 20, salt 14 bytes. */
export interface SessionKeys {
  encryption: Uint8Array;
  authentication: Uint8Array;
  salt: Uint8Array;
}

/** The labels of RFC 3711 section 4.3.1 and 4.3.2: encryption key; authentication and salt follow it. */
const firstLabel = { rtp: 0, rtcp: 3 } as const;

/**
 * Derives the session keys with a key derivation rate of zero, the only one DTLS-SRTP has.
 * @throws RangeError when the master key or salt has the wrong length.
 */
export function deriveSessionKeys(master: SrtpMasterKey, stream: 'rtp' | 'rtcp'): SessionKeys {
  if (master.key.length !== 16 || master.salt.length !== 14) {
    throw new RangeError('AES_CM_128 takes a master key of 16 bytes and a master salt of 14');
  }
  const label = firstLabel[stream];
  return {
    encryption: derive(master, label, 16),
    authentication: derive(master, label + 1, 20),
    salt: derive(master, label + 2, 14),
  };
}

function derive(master: SrtpMasterKey, label: number, length: number): Uint8Array {
  // key_id = label · 2^48 ⊕ salt; the keystream then starts at key_id · 2^16.
  const salt = Uint8Array.from(master.salt);
  salt[7]! ^= label;
  const out = new Uint8Array(length);
  new AesCounterMode(master.key, salt).apply(out, 0, length, 0, 0);
  return out;
}
