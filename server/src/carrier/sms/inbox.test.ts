import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../log.ts';
import { openStore, type Store } from '../../store/index.ts';
import { type InboundSms, SmsInbox } from './inbox.ts';

vi.setConfig({ testTimeout: 30_000 });

let folder: string;
let store: Store;
let inboxes: SmsInbox[];
let now: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-inbox-'));
  store = await openStore({ path: join(folder, 'test.db') });
  inboxes = [];
  now = Date.now();
});
afterEach(async () => {
  for (const inbox of inboxes) await inbox.close();
  await store.destroy();
  rmSync(folder, { recursive: true });
});

function open(settings: Partial<ConstructorParameters<typeof SmsInbox>[0]> = {}): SmsInbox {
  const inbox = new SmsInbox({
    store,
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    firstRetryMs: 1,
    maxRetryMs: 10,
    giveUpAfterMs: 60_000,
    timeoutMs: 30_000,
    duplicateMs: 300_000,
    now: () => now,
    ...settings,
  });
  inboxes.push(inbox);
  return inbox;
}

/** A listener that keeps what it hears, after failing some times. */
function listener(failures = 0) {
  const heard: InboundSms[] = [];
  let left = failures;
  return {
    heard,
    listen: async (sms: InboundSms) => {
      if (left-- > 0) throw new Error('not now');
      heard.push(sms);
    },
  };
}

const sms = { carrierId: 'us', from: '+14155550101', to: '+14155559000', text: 'YES 123456' };
const rows = () => store.selectFrom('sms_inbox').selectAll().orderBy('received_at').execute();
const until = (condition: () => Promise<boolean> | boolean) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 20_000, interval: 5 });
const done = () => until(async () => (await rows()).every((row) => row.delivered_at !== null));

describe('SmsInbox', () => {
  it('hands a message to every listener, and keeps no text of it', async () => {
    const inbox = open();
    const [one, two] = [listener(), listener()];
    inbox.subscribe(one.listen);
    inbox.subscribe(two.listen);
    inbox.start();
    expect(await inbox.accept(sms)).toBe('stored');
    await done();
    expect(one.heard).toMatchObject([{ ...sms, receivedAt: now }]);
    expect(two.heard).toEqual(one.heard);
    expect(await rows()).toMatchObject([{ body: '', attempts: 0 }]);
  });

  it('stores before it answers, and hands out at the next start what nobody has had', async () => {
    const first = open();
    first.start();
    await first.accept(sms);
    expect(await rows()).toMatchObject([{ body: sms.text, delivered_at: null }]);
    await first.close();

    const second = open();
    const { heard, listen } = listener();
    second.subscribe(listen);
    second.start();
    await done();
    expect(heard).toMatchObject([sms]);
  });

  it('tries again with a listener that failed, the same id', async () => {
    const inbox = open({ now: Date.now });
    const ids: string[] = [];
    const { heard, listen } = listener(3);
    inbox.subscribe(async (one) => {
      ids.push(one.id);
      await listen(one);
    });
    inbox.start();
    await inbox.accept(sms);
    await done();
    expect(heard).toHaveLength(1);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(1);
    expect((await rows())[0]?.attempts).toBe(3);
  });

  it('looks again when the database was away while a message was told', async () => {
    const inbox = open();
    let told = 0;
    inbox.subscribe(async () => {
      told += 1;
      if (told > 1) return;
      await store.schema.alterTable('sms_inbox').renameTo('sms_inbox_away').execute();
    });
    inbox.start();
    await inbox.accept(sms);
    await until(() => told === 1);
    await store.schema
      .alterTable('sms_inbox_away' as 'sms_inbox')
      .renameTo('sms_inbox')
      .execute();
    await until(() => told === 2);
    await done();
  });

  it('leaves in the end what a listener always fails at, and takes the next', async () => {
    const inbox = open({ now: Date.now, giveUpAfterMs: 20 });
    const { heard, listen } = listener();
    inbox.subscribe(async (one) => {
      if (one.text === 'poison') throw new Error('never');
      await listen(one);
    });
    inbox.start();
    await inbox.accept({ ...sms, text: 'poison' });
    await inbox.accept({ ...sms, text: 'food' });
    await done();
    expect(heard.map(({ text }) => text)).toEqual(['food']);
  });

  it('gives up waiting for a listener that never ends', async () => {
    const inbox = open({ now: Date.now, timeoutMs: 5, giveUpAfterMs: 10 });
    inbox.subscribe(() => new Promise(() => {}));
    inbox.start();
    await inbox.accept(sms);
    await done();
  });

  it('takes a key once for each carrier, however often and at once it comes', async () => {
    const inbox = open();
    const answers = await Promise.all(Array.from({ length: 20 }, () => inbox.accept({ ...sms, key: 'k1' })));
    expect(answers.filter((answer) => answer === 'stored')).toHaveLength(1);
    expect(await inbox.accept({ ...sms, carrierId: 'uk', key: 'k1' })).toBe('stored');
    expect(inbox.stats()).toEqual({ stored: 2, duplicates: 19 });
  });

  it('takes the same words over a new connection for one message, for a while', async () => {
    const inbox = open();
    expect(await inbox.accept({ ...sms, link: 'a' })).toBe('stored');
    // Over the same one the sender knows our answer: the person said it twice.
    expect(await inbox.accept({ ...sms, link: 'a' })).toBe('stored');
    expect(await inbox.accept({ ...sms, link: 'b' })).toBe('duplicate');
    expect(await inbox.accept({ ...sms, link: 'b', text: 'NO' })).toBe('stored');
    expect(await inbox.accept({ ...sms, link: 'b', from: '+14155550102' })).toBe('stored');
    now += 300_001;
    expect(await inbox.accept({ ...sms, link: 'c' })).toBe('stored');
  });

  it('hands out more than goes at once, and those that come meanwhile', async () => {
    const inbox = open();
    const { heard, listen } = listener();
    inbox.subscribe(listen);
    inbox.start();
    await Promise.all(Array.from({ length: 50 }, (_, index) => inbox.accept({ ...sms, text: `${index}` })));
    await done();
    expect(new Set(heard.map(({ text }) => text)).size).toBe(50);
  });

  it('forgets in the end', async () => {
    const inbox = open();
    inbox.subscribe(listener().listen);
    inbox.start();
    await inbox.accept(sms);
    await done();
    await inbox.sweep();
    expect(await rows()).toHaveLength(1);
    now += 8 * 24 * 3_600_000;
    await inbox.sweep();
    expect(await rows()).toEqual([]);
  });
});
