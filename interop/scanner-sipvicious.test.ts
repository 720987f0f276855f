import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person, type SipCredentials } from './support/person.ts';
import { Process } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

/** Runs a scanner to its end; resolves with what it says. */
async function scan(command: string, ...args: string[]): Promise<string> {
  const process = new Process(command, [...args, '127.0.0.1']);
  try {
    expect(await process.exited(50_000)).toBe(0);
    return process.output;
  } finally {
    await process.stop();
  }
}

const list = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}${index}`);

describe.skipIf(!hasPeer('svmap'))('sipvicious', () => {
  let folder: string;
  let server: Ringthrough;
  let sip: SipCredentials;
  let users: string;
  let words: string;

  async function close(): Promise<void> {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  }

  /** @param guard merged over what is shipped */
  async function open(guard: Record<string, unknown>): Promise<void> {
    folder = await mkdtemp(join(tmpdir(), 'sipvicious-'));
    server = await Ringthrough.start({ config: { sip: { guard } } });
    const [person] = await Person.signUp(server, '+14155550101');
    ({ sip } = await person.addSoftphone('Desk phone'));
    [users, words] = [join(folder, 'users'), join(folder, 'words')];
    await writeFile(users, [...list(20, 'user'), sip.user, ...list(20, 'other')].join('\n'));
    // It has the password, but not at the beginning.
    await writeFile(words, [...list(60, 'word'), sip.password].join('\n'));
  }

  /** What each tool of it says. */
  async function everyTool(): Promise<string[]> {
    const port = String(server.sipPort);
    const crack = ['-u', sip.user, '-d', words, '--maximumtime=2', '-p', port];
    const war = ['--force', '-p', port];
    // Each waits for long before it gives up. Who guesses is banned, so that comes last.
    const asking = await Promise.all([
      scan('svmap', '-p', `${server.sipPort - 3}-${server.sipPort + 3}`),
      scan('svwar', ...war, '-m', 'REGISTER', '-d', users),
      scan('svwar', ...war, '-m', 'INVITE', '-e', '100-200'),
      scan('svwar', ...war, '-m', 'OPTIONS', '-d', users),
    ]);
    return [...asking, ...(await Promise.all([scan('svcrack', ...crack), scan('svcrack', '-n', ...crack)]))];
  }

  const gauge = (name: string) => server.gauge(`ringthrough_sip_${name}`);

  describe('a server as shipped', () => {
    beforeAll(() => open({ maxUdpAnswerRatio: 1 }));
    afterAll(close);

    it('is not found: no answer to anything', { timeout: 120_000 }, async () => {
      for (const says of await everyTool()) {
        expect(says).toContain('found nothing');
        expect(says).not.toContain('SIP/2.0');
      }
      expect(await gauge('dropped_scanner_total')).toBeGreaterThanOrEqual(3);
      expect([await gauge('server_transactions'), await gauge('bans_total')]).toEqual([0, 0]);
    });
  });

  describe('a server that does not know its name', () => {
    beforeAll(() => open({ scanners: [], maxUdpAnswerRatio: 2 }));
    afterAll(close);

    it('tells it of no user, bans it for guessing, and hears it no more', { timeout: 120_000 }, async () => {
      const cpuBefore = await server.gauge('process_cpu_seconds_total');
      for (const says of await everyTool()) {
        expect(says).toContain('found nothing');
        expect(says).not.toContain(sip.password);
      }
      expect(await gauge('bans_total')).toBe(1);
      expect(await gauge('banned')).toBe(1);
      const dropped = await gauge('dropped_ban_total');
      expect(dropped).toBeGreaterThan(50);
      const cpu = (await server.gauge('process_cpu_seconds_total')) - cpuBefore;
      console.info(
        `${dropped} guesses after the ban; all scans cost the server ${Math.round(cpu * 1000)} ms of CPU`,
      );
      expect(cpu).toBeLessThan(5);
    });
  });
});
