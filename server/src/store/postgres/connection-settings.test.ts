import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectionSettings, describePlace, type PostgresTls } from './connection-settings.ts';

const settings = (url: string, tls: PostgresTls = {}) =>
  connectionSettings({ url, tls, connectTimeoutMs: 1, queryTimeoutMs: 1 });

describe('database.url', () => {
  it.each([
    ['postgres://ann:se%40cret@db.example.org:6432/ring', 'db.example.org', 6432, 'ann', 'se@cret', 'ring'],
    ['postgresql://db.example.org', 'db.example.org', 5432, undefined, undefined, 'ringthrough'],
    ['postgres://ann@[2001:db8::7]/ring', '2001:db8::7', 5432, 'ann', undefined, 'ring'],
    ['postgres:///ring?host=/run/postgresql&user=ann', '/run/postgresql', 5432, 'ann', undefined, 'ring'],
    ['postgres://ann:x@h:1/ring?host=%2Ftmp%2Fpg&port=5433', '/tmp/pg', 5433, 'ann', 'x', 'ring'],
  ])('%s', (url, host, port, user, password, database) => {
    const made = settings(url);
    expect([made.host, made.port, made.user, made.password, made.database]).toEqual([
      host,
      port,
      user,
      password,
      database,
    ]);
  });

  it('says what is wrong with it, and not the password', () => {
    const fault = (url: string) => {
      try {
        settings(url);
      } catch (error) {
        return (error as Error).message;
      }
      return 'none';
    };
    expect(fault('postgres://ann:geheim/7@db/ring')).toMatch(/database\.url is no URL.*%2F/);
    expect(fault('postgres://ann:geheim@db/ring?sslmode=disable')).toMatch(/sslmode: .*database\.tls/);
    expect(fault('postgres://ann:geheim@db/ring?target=x')).toMatch(/target$/);
    for (const url of ['postgres://ann:geheim/7@db/ring', 'postgres://ann:geheim@db/ring?a=b'])
      expect(fault(url)).not.toContain('geheim');
  });

  it('is told to people without the password', () => {
    expect(describePlace('postgres://ann:geheim@db.example.org/ring')).toBe('ring on db.example.org:5432');
    expect(describePlace('postgres:///ring?host=/run/pg')).toBe('ring on /run/pg');
  });
});

it('a password comes from its file, each time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringthrough-password-'));
  const passwordFile = join(folder, 'password');
  const common = { connectTimeoutMs: 1, queryTimeoutMs: 1 };
  const { password } = connectionSettings({ url: 'postgres://ann@db/ring', passwordFile, ...common });
  for (const text of ['first\n', 'second\r\n', 'third ']) {
    writeFileSync(passwordFile, text);
    expect(typeof password === 'function' && (await password())).toBe(text.replace(/\r?\n$/, ''));
  }
  rmSync(folder, { recursive: true });
});

describe('TLS', () => {
  it.each([
    ['postgres://db.example.org/ring', {}, true],
    ['postgres://192.0.2.7/ring', {}, true],
    ['postgres://127.0.0.1/ring', {}, false],
    ['postgres://[::1]/ring', {}, false],
    ['postgres://localhost/ring', {}, false],
    ['postgres:///ring?host=/run/postgresql', {}, false],
    ['postgres://db.example.org/ring', { enabled: false }, false],
    ['postgres://127.0.0.1/ring', { enabled: true }, true],
  ])('%s %o: %s', (url, tls, secured) => {
    expect(settings(url, tls).ssl !== undefined).toBe(secured);
  });
});
