import { createHmac } from 'node:crypto';

/** The TLS 1.2 pseudorandom function with SHA-256 (RFC 5246 section 5). */
export function prf(
  secret: Uint8Array,
  label: string,
  { seed, length }: { seed: Uint8Array; length: number },
): Buffer {
  const labelled = Buffer.concat([Buffer.from(label, 'ascii'), seed]);
  const hmac = (data: Uint8Array) => createHmac('sha256', secret).update(data).digest();
  const blocks: Buffer[] = [];
  let a: Buffer = labelled;
  for (let have = 0; have < length; have += 32) {
    a = hmac(a);
    blocks.push(hmac(Buffer.concat([a, labelled])));
  }
  return Buffer.concat(blocks).subarray(0, length);
}
