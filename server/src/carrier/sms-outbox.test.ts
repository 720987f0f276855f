import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../log.ts';
import { openStore, type Store } from '../store/index.ts';
import { type Sms, type SmsCarrier, SmsOutbox, type SmsResult } from './index.ts';

/** A carrier whose answers the test decides. */
class Carrier implements SmsCarrier {
  readonly seen: Sms[] = [];
  answers: SmsResult[] = [];
  held: ((result: SmsResult) => void) | undefined;
  hold = false;

  async send(sms: Sms, signal: AbortSignal): Promise<SmsResult> {
    this.seen.push(sms);
    if (!this.hold) return this.answers.shift() ?? { result: 'accepted' };
    return new Promise((resolve) => {
      this.held = resolve;
      signal.addEventListener('abort', () => resolve({ result: 'later', why: 'AbortError' }));
    });
  }
}

let folder: string;
let store: Store;
let carrier: Carrier;
let outboxes: SmsOutbox[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-sms-'));
  store = await openStore({ path: join(folder, 'test.db') });
  carrier = new Carrier();
  outboxes = [];
});
afterEach(async () => {
  vi.useRealTimers();
  for (const outbox of outboxes) await outbox.close();
  await store.destroy();
  rmSync(folder, { recursive: true });
});

function open(settings: Partial<ConstructorParameters<typeof SmsOutbox>[0]> = {}): SmsOutbox {
  const outbox = new SmsOutbox({
    store,
    carriers: new Map([['lab', carrier]]),
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    firstRetryMs: 10,
    maxRetryMs: 40,
    giveUpAfterMs: 60_000,
    timeoutMs: 5000,
    parallel: 2,
    ...settings,
  });
  outboxes.push(outbox);
  return outbox;
}

const rows = () => store.selectFrom('sms_outbox').selectAll().orderBy('created_at').execute();
const until = (condition: () => Promise<boolean> | boolean) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 5000, interval: 5 });

describe('SmsOutbox', () => {
  it('sends, and keeps no text of what was sent', async () => {
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'code 123456');
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect(carrier.seen).toMatchObject([{ to: '+14155550101', text: 'code 123456' }]);
    expect((await rows())[0]).toMatchObject({ attempts: 1, body: '', failed_at: null });
  });

  it('tries again with the same id, later each time', async () => {
    carrier.answers = Array.from({ length: 3 }, () => ({ result: 'later', why: 'HTTP 503' }));
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'hello');
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect(carrier.seen).toHaveLength(4);
    expect(new Set(carrier.seen.map(({ id }) => id)).size).toBe(1);
    const [row] = await rows();
    expect(row?.attempts).toBe(4);
    expect(row!.sent_at! - row!.created_at).toBeGreaterThanOrEqual(10 + 20 + 40);
  });

  it('gives up what is refused for good', async () => {
    carrier.answers = [{ result: 'rejected', why: 'HTTP 400' }];
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'hello');
    await until(async () => (await rows())[0]?.failed_at !== null);
    expect((await rows())[0]).toMatchObject({ attempts: 1, sent_at: null, body: '' });
  });

  it('gives up after its time', async () => {
    carrier.answers = Array.from({ length: 99 }, () => ({ result: 'later', why: 'HTTP 503' }));
    const outbox = open({ giveUpAfterMs: 50 });
    outbox.start();
    await outbox.send('lab', '+14155550101', 'hello');
    await until(async () => (await rows())[0]?.failed_at !== null);
    expect((await rows())[0]).toMatchObject({ sent_at: null, body: '' });
  });

  it('fails a message of a carrier that takes none', async () => {
    const outbox = open();
    outbox.start();
    await outbox.send('gone', '+14155550101', 'hello');
    await until(async () => (await rows())[0]?.failed_at !== null);
  });

  it('takes up at the next start what was not sent, with the same id', async () => {
    carrier.hold = true;
    const first = open();
    first.start();
    await first.send('lab', '+14155550101', 'hello');
    await until(() => carrier.seen.length === 1);
    await first.close();
    expect((await rows())[0]).toMatchObject({ attempts: 0, sent_at: null, failed_at: null });

    carrier.hold = false;
    open().start();
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect(carrier.seen[1]).toEqual(carrier.seen[0]);
  });

  it('has a few under way at once, and sends all in the end', async () => {
    carrier.hold = true;
    const outbox = open();
    outbox.start();
    for (let count = 0; count < 5; count += 1) await outbox.send('lab', '+14155550101', `${count}`);
    await until(() => carrier.seen.length === 2);
    carrier.hold = false;
    const [a] = [carrier.held];
    a?.({ result: 'accepted' });
    await until(async () => (await rows()).filter((row) => row.sent_at !== null).length === 4);
    expect(carrier.seen).toHaveLength(5);
  });

  it('is part of the transaction that it was put in', async () => {
    const outbox = open();
    outbox.start();
    const failed = store.transaction().execute(async (trx) => {
      await outbox.enqueue(trx, 'lab', '+14155550101', 'hello');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    outbox.wake();
    expect(await rows()).toEqual([]);
  });

  it('forgets in the end what it sent', async () => {
    let now = Date.now();
    const outbox = open({ now: () => now });
    outbox.start();
    await outbox.send('lab', '+14155550101', 'hello');
    await until(async () => (await rows())[0]?.sent_at !== null);
    await outbox.sweep();
    expect(await rows()).toHaveLength(1);
    now += 8 * 24 * 3_600_000;
    await outbox.sweep();
    expect(await rows()).toEqual([]);
  });
});
