import { describe, expect, it } from 'vitest';
import { PasswordHasher } from './password-hasher.ts';

const hasher = new PasswordHasher({ memoryKib: 8192, passes: 1, atOnce: 2 });

describe('PasswordHasher', () => {
  it('knows the password again, and no other', async () => {
    const hash = await hasher.hash('correct horse');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=8192,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher.verify('correct horse', hash)).toBe(true);
    expect(await hasher.verify('correct horsf', hash)).toBe(false);
    expect(await hasher.hash('correct horse')).not.toBe(hash);
  });

  it('takes two spellings of one text for one password', async () => {
    expect(await hasher.verify('cafe\u0301 noir', await hasher.hash('caf\u00e9 noir'))).toBe(true);
  });

  it('refuses everything where there is no account', async () => {
    expect(await hasher.verify('', undefined)).toBe(false);
    expect(await hasher.verify('correct horse', undefined)).toBe(false);
  });

  it('reads hashes of older parameters and says that they are old', async () => {
    const old = await new PasswordHasher({ memoryKib: 9000, passes: 2, atOnce: 2 }).hash('correct horse');
    expect(await hasher.verify('correct horse', old)).toBe(true);
    expect(hasher.outdated(old)).toBe(true);
    expect(hasher.outdated(await hasher.hash('x'))).toBe(false);
  });
});
