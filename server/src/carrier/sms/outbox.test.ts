import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../log.ts';
import { openStore, type Store } from '../../store/index.ts';
import type { Sms, SmsCarrier, SmsProgress, SmsResult } from './carrier.ts';
import { SmsOutbox } from './outbox.ts';

/** A carrier whose answers the test decides. Messages have as many parts as they have words. */
class Carrier implements SmsCarrier {
  readonly seen: Sms[] = [];
  /** Words that were sent, in order. */
  readonly sent: string[] = [];
  answers: SmsResult[] = [];
  held: ((result: SmsResult) => void) | undefined;
  hold = false;
  ready = true;
  parallel = 2;

  async send(sms: Sms, { taken, took }: SmsProgress, signal: AbortSignal): Promise<SmsResult> {
    this.seen.push(sms);
    if (this.hold) {
      return new Promise((resolve) => {
        this.held = resolve;
        signal.addEventListener('abort', () => resolve({ result: 'later', why: 'AbortError' }));
      });
    }
    const words = sms.text.split(' ');
    for (const [index, word] of words.entries()) {
      if (taken.some(({ part }) => part === index + 1)) continue;
      const answer = this.answers.shift() ?? { result: 'accepted' };
      if (answer.result !== 'accepted') return answer;
      this.sent.push(word);
      await took({ part: index + 1, parts: words.length, providerId: `${sms.id}/${index + 1}` });
    }
    return { result: 'accepted' };
  }

  start(): void {}
  async close(): Promise<void> {}
  stats() {
    return { up: this.ready, throttled: 0 };
  }
}

vi.setConfig({ testTimeout: 30_000 });

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
    ...settings,
  });
  outboxes.push(outbox);
  return outbox;
}

const rows = () => store.selectFrom('sms_outbox').selectAll().orderBy('created_at').execute();
const until = (condition: () => Promise<boolean> | boolean) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 20_000, interval: 5 });

describe('SmsOutbox', () => {
  it('sends, and keeps no text of what was sent', async () => {
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'code:123456');
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect(carrier.seen).toMatchObject([{ to: '+14155550101', text: 'code:123456' }]);
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
    expect((await rows())[0]).toMatchObject({ attempts: 1, sent_at: null, body: '', error: 'HTTP 400' });
    await until(() => outbox.stats().failed === 1);
    expect(outbox.stats().sent).toBe(0);
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
    expect(carrier.sent).toEqual(['hello']);
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

  it('never sends again the parts that were taken, with the same reference at every try', async () => {
    carrier.answers = [
      { result: 'accepted' },
      { result: 'later', why: 'no answer' },
      { result: 'accepted' },
      { result: 'later', why: 'no answer' },
    ];
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'one two three');
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect(carrier.sent).toEqual(['one', 'two', 'three']);
    expect(carrier.seen).toHaveLength(3);
    expect(new Set(carrier.seen.map(({ reference }) => reference)).size).toBe(1);
  });

  it('gives each message another reference', async () => {
    const outbox = open();
    for (let count = 0; count < 300; count += 1) await outbox.send('lab', '+14155550101', 'hello');
    const references = (await rows()).map(({ reference }) => reference);
    expect(new Set(references).size).toBe(256);
    expect(Math.max(...references)).toBe(255);
  });

  it('goes on after a restart behind the parts that were taken', async () => {
    carrier.answers = [{ result: 'accepted' }, { result: 'later', why: 'gone', retryInMs: 30_000 }];
    const first = open();
    first.start();
    await first.send('lab', '+14155550101', 'one two');
    await until(async () => (await rows())[0]?.error === 'gone');
    await first.close();
    await store.updateTable('sms_outbox').set({ next_attempt_at: 0 }).execute();
    open().start();
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect(carrier.sent).toEqual(['one', 'two']);
  });

  it('waits as long as the carrier says, and counts that as no failure', async () => {
    carrier.answers = [{ result: 'later', why: 'ESME_RTHROTTLED', retryInMs: 20 }];
    const outbox = open({ firstRetryMs: 60_000 });
    outbox.start();
    await outbox.send('lab', '+14155550101', 'hello');
    await until(async () => (await rows())[0]?.sent_at !== null);
    const [row] = await rows();
    expect(row).toMatchObject({ attempts: 1, error: null });
    expect(row!.sent_at! - row!.created_at).toBeGreaterThanOrEqual(20);
  });

  it('hands nothing to a carrier that is not ready, and goes on when it wakes it', async () => {
    carrier.ready = false;
    const other = new Carrier();
    const outbox = open({
      carriers: new Map([
        ['lab', carrier],
        ['other', other],
      ]),
    });
    outbox.start();
    await outbox.send('lab', '+14155550101', 'waits');
    await outbox.send('other', '+447700900123', 'goes');
    await until(() => outbox.stats().sent === 1);
    expect(other.sent).toEqual(['goes']);
    expect(carrier.seen).toEqual([]);
    expect(await outbox.waiting()).toEqual([{ carrierId: 'lab', count: 1 }]);
    carrier.ready = true;
    outbox.wake();
    await until(() => carrier.sent.length === 1);
  });

  it('is held up by no other carrier', async () => {
    carrier.hold = true;
    const other = new Carrier();
    const outbox = open({
      carriers: new Map([
        ['lab', carrier],
        ['other', other],
      ]),
    });
    outbox.start();
    for (let count = 0; count < 20; count += 1) await outbox.send('lab', '+14155550101', 'stuck');
    await outbox.send('other', '+447700900123', 'goes');
    await until(() => other.sent.length === 1);
    expect(carrier.seen).toHaveLength(2);
  });

  it('gives up what is of no use any more, even while the carrier is away', async () => {
    carrier.ready = false;
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'code', { validForMs: 20 });
    await outbox.send('lab', '+14155550101', 'news');
    await until(async () => (await rows()).some((row) => row.failed_at !== null));
    expect(await rows()).toMatchObject([
      { body: '', error: 'expired', attempts: 0 },
      { body: 'news', error: null, failed_at: null },
    ]);
    expect(carrier.seen).toEqual([]);
  });

  it('tells the carrier until when a message is of use', async () => {
    const outbox = open();
    outbox.start();
    await outbox.send('lab', '+14155550101', 'code', { validForMs: 30_000 });
    await until(() => carrier.seen.length === 1);
    expect(carrier.seen[0]!.validUntil).toBe((await rows())[0]!.created_at + 30_000);
  });
});

describe('receipts', () => {
  const number = '+14155550101';
  const receipt = (
    providerId: string,
    delivery: 'delivered' | 'undeliverable' | 'enroute' = 'delivered',
  ) => ({
    carrierId: 'lab',
    providerIds: [providerId],
    recipient: number,
    delivery,
  });

  async function sent(text: string): Promise<{ outbox: SmsOutbox; id: string }> {
    const outbox = open();
    outbox.start();
    await outbox.send('lab', number, text);
    await until(async () => (await rows()).every((row) => row.sent_at !== null));
    return { outbox, id: (await rows())[0]!.id };
  }

  it('make a message delivered when all of its parts are', async () => {
    const { outbox, id } = await sent('one two');
    expect((await rows())[0]).toMatchObject({ delivery: null });
    expect(await outbox.parts.receipt(receipt(`${id}/2`))).toBe(true);
    expect((await rows())[0]).toMatchObject({ delivery: 'enroute' });
    await outbox.parts.receipt(receipt(`${id}/1`));
    expect((await rows())[0]).toMatchObject({ delivery: 'delivered', delivery_error: null });
  });

  it('make it failed when one of them is, with the reason', async () => {
    const { outbox, id } = await sent('one two');
    await outbox.parts.receipt({ ...receipt(`${id}/2`, 'undeliverable'), error: '027' });
    await outbox.parts.receipt(receipt(`${id}/1`));
    expect((await rows())[0]).toMatchObject({ delivery: 'undeliverable', delivery_error: '027' });
  });

  it('that are late change nothing that is final', async () => {
    const { outbox, id } = await sent('one');
    await outbox.parts.receipt(receipt(`${id}/1`));
    await outbox.parts.receipt(receipt(`${id}/1`, 'enroute'));
    expect((await rows())[0]).toMatchObject({ delivery: 'delivered' });
  });

  it('may be here before the answer that tells the id', async () => {
    const outbox = open();
    outbox.start();
    carrier.hold = true;
    await outbox.send('lab', number, 'one');
    await until(() => carrier.seen.length === 1);
    const id = carrier.seen[0]!.id;
    expect(await outbox.parts.receipt(receipt(`${id}/1`))).toBe(false);
    carrier.hold = false;
    carrier.held?.({ result: 'later', why: 'again', retryInMs: 0 });
    await until(async () => (await rows())[0]?.sent_at !== null);
    expect((await rows())[0]).toMatchObject({ delivery: 'delivered' });
    expect(await store.selectFrom('sms_receipts').selectAll().execute()).toEqual([]);
  });

  it('are for the message to that number, of those whose ids look alike', async () => {
    const outbox = open();
    for (const [id, to] of [
      ['a', number],
      ['b', '+14155550102'],
    ] as const) {
      await outbox.enqueue(store, 'lab', to, 'x');
      await store.updateTable('sms_outbox').set({ id, sent_at: 1 }).where('recipient', '=', to).execute();
    }
    // 64 in hexadecimal is 100: the receipt for 100 may mean either.
    await outbox.parts.took(
      { id: 'a', carrier_id: 'lab', recipient: number },
      { part: 1, parts: 1, providerId: '64' },
    );
    await outbox.parts.took(
      { id: 'b', carrier_id: 'lab', recipient: '+14155550102' },
      { part: 1, parts: 1, providerId: '100' },
    );
    await outbox.parts.receipt({ ...receipt('100'), providerIds: ['100', '64'] });
    const state = Object.fromEntries((await rows()).map(({ id, delivery }) => [id, delivery]));
    expect(state).toEqual({ a: 'delivered', b: null });
    await outbox.parts.receipt({ ...receipt('100'), providerIds: ['100', '64'], recipient: undefined });
    expect((await rows()).find(({ id }) => id === 'b')?.delivery).toBe('delivered');
  });

  it('of another carrier are of other messages', async () => {
    const { outbox, id } = await sent('one');
    expect(await outbox.parts.receipt({ ...receipt(`${id}/1`), carrierId: 'uk' })).toBe(false);
    expect((await rows())[0]).toMatchObject({ delivery: null });
  });

  it('that come twice at once are one', async () => {
    const { outbox, id } = await sent('one two three');
    await Promise.all([1, 2, 3, 1, 2, 3].map((part) => outbox.parts.receipt(receipt(`${id}/${part}`))));
    expect((await rows())[0]).toMatchObject({ delivery: 'delivered' });
  });
});
