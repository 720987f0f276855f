import { createHash, randomBytes } from 'node:crypto';
import { sipRealm } from '../config.ts';
import { newId } from '../store/index.ts';

/** Shown to the device once; the database keeps the two hashes only. */
export interface SipCredentials {
  user: string;
  password: string;
}

/** RFC 8760: HA1 for both algorithms, hex. */
export interface StoredSipCredentials {
  sip_user: string;
  ha1_md5: string;
  ha1_sha256: string;
}

/** A SIP user of its own for a device, with 160 random bits as password. */
export function newSipCredentials(): { shown: SipCredentials; stored: StoredSipCredentials } {
  const user = `d${newId().slice(0, 15)}`;
  const password = randomBytes(20).toString('base64url');
  const a1 = `${user}:${sipRealm}:${password}`;
  const hash = (algorithm: string) => createHash(algorithm).update(a1).digest('hex');
  return {
    shown: { user, password },
    stored: { sip_user: user, ha1_md5: hash('md5'), ha1_sha256: hash('sha256') },
  };
}
