import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LegReport } from '../media/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { CallRecords } from './call-records.ts';
import type { CallSummary } from './call-types.ts';
import { NumberDirectory } from './number-directory.ts';

// What calls ask of the database, on every kind of it.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const called = '+14155550101';
const at = 1_800_000_000_000;
let database: TestDatabase;
let store: Store;
let records: CallRecords;
beforeEach(async () => {
  database = await TestDatabase.create();
  store = await openStore(database.options);
  records = new CallRecords(store);
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  const number = { carrier_id: null, answer_mode: 'mca' as const, validated_at: 1 };
  await store
    .insertInto('numbers')
    .values({ ...number, e164: called, account_id: 'ann', is_primary: 1 })
    .execute();
  const device = {
    system: '',
    kind: 'web' as const,
    sip_user: 'u',
    ha1_md5: '',
    ha1_sha256: '',
    created_at: 1,
  };
  await store
    .insertInto('devices')
    .values({ ...device, id: 'd1', account_id: 'ann', name: 'Laptop' })
    .execute();
});
afterEach(async () => {
  await store.destroy();
  database.remove();
});

const arrival = (id: string, arrivedAt = at) => ({
  id,
  accountId: 'ann',
  called,
  calling: '+447700900123',
  reason: 'unreachable' as const,
  carrierId: 'us',
  trunkCallId: `sip-${id}`,
  arrivedAt,
});
const report = (codec: LegReport['codec']): LegReport => ({
  codec,
  packetsSent: 1,
  packetsReceived: 2,
  packetsLost: 0,
  jitterMs: 1.5,
  roundTripMs: undefined,
  firstPacketAt: at + 3,
});
const summary = (more: Partial<CallSummary> = {}): CallSummary => ({
  arrivedAt: at,
  ringingAt: at + 1,
  answeredAt: at + 2,
  endedAt: at + 60_000,
  outcome: 'answered',
  cause: 'caller-hung-up',
  answeredDeviceId: 'd1',
  handOver: undefined,
  ...more,
});

test('a call from its arrival to its end', async () => {
  await records.open(arrival('c1'));
  expect(await records.history('ann', { limit: 10 })).toEqual([]);
  await records.answered('c1', at + 2, 'd1');
  await records.close('c1', summary(), { carrier: report('PCMA'), client: report('opus') });
  expect(await records.history('ann', { limit: 10 })).toMatchObject([
    {
      id: 'c1',
      called,
      calling: '+447700900123',
      reason: 'unreachable',
      arrivedAt: at,
      answeredAt: at + 2,
      endedAt: at + 60_000,
      outcome: 'answered',
      device: { id: 'd1', name: 'Laptop' },
      trunkCodec: 'PCMA',
      clientCodec: 'opus',
      quality: { carrier: { jitterMs: 1.5, packetsReceived: 2 }, client: { packetsSent: 1 } },
    },
  ]);
});

test('a device that was removed during the call is named no more, the call is recorded', async () => {
  await records.open(arrival('c1'));
  await store.deleteFrom('devices').execute();
  await records.answered('c1', at + 2, 'd1');
  await records.close('c1', summary(), { carrier: undefined, client: undefined });
  const [call] = await records.history('ann', { limit: 10 });
  expect(call).toMatchObject({ outcome: 'answered', device: undefined });
});

test('the history: pages, newest first, of the account alone', async () => {
  for (let n = 0; n < 5; n += 1) {
    await records.open(arrival(`c${n}`, at + n));
    await records.close(`c${n}`, summary(), { carrier: undefined, client: undefined });
  }
  await records.refused({ ...arrival('nobody', at), accountId: null, called: null }, 'unknown-number', 'no');
  const ids = async (page: { before?: number; limit: number }) =>
    (await records.history('ann', page)).map(({ id }) => id);
  expect(await ids({ limit: 2 })).toEqual(['c4', 'c3']);
  expect(await ids({ limit: 9, before: at + 3 })).toEqual(['c2', 'c1', 'c0']);
  expect(await ids({ limit: 9, before: Number.MAX_SAFE_INTEGER })).toHaveLength(5);
});

test('what a process that died has left open is ended, for what it was', async () => {
  await records.open(arrival('missed', at));
  await records.open(arrival('answered', at + 1));
  await records.answered('answered', at + 2, 'd1');
  await records.open(arrival('message', at + 3));
  const message = { number: called, calling: null, stored_at: at, duration_ms: 1, file: 'f' };
  await store
    .insertInto('voicemails')
    .values({ ...message, id: 'v', account_id: 'ann', call_id: 'message' })
    .execute();
  expect(await records.recover(at + 9)).toBe(3);
  expect(await records.recover(at + 10)).toBe(0);
  expect(
    (await records.history('ann', { limit: 9 })).map(({ id, outcome, endedAt }) => [id, outcome, endedAt]),
  ).toEqual([
    ['message', 'voicemail', at + 9],
    ['answered', 'answered', at + 9],
    ['missed', 'missed', at + 9],
  ]);
});

test('whose number was called', async () => {
  const directory = new NumberDirectory(store);
  const candidate = (number: string) => ({ number, reason: 'unreachable' as const });
  expect(await directory.firstLinked([candidate('+14155550199'), candidate(called)])).toMatchObject({
    number: called,
    accountId: 'ann',
    answerMode: 'mca',
  });
  expect(await directory.firstLinked([candidate('+14155550199')])).toBe(undefined);
});
