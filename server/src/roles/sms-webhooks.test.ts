import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InboundSms } from '../carrier/index.ts';
import { TestHouse } from './testing.ts';

vi.setConfig({ testTimeout: 30_000 });

const token = 'a token of sixteen and more';
const trunks = [{ host: '127.0.0.1', port: 5070 }];
const carriers = (url: string) => [
  {
    ...{
      id: 'us',
      name: 'US',
      country: 'US',
      family: 'gsm',
      prefixes: ['+1'],
      cNumber: '+14155559000',
      trunks,
    },
    sms: { url, token: 'out', inboundToken: token },
  },
  {
    ...{
      id: 'uk',
      name: 'UK',
      country: 'GB',
      family: 'gsm',
      prefixes: ['+44'],
      cNumber: '+447700900999',
      trunks,
    },
    sms: { url, token: 'out' },
  },
];
const sms = { id: 'k1', from: '4155550101', to: '+14155559001', text: 'YES 123456' };

let house: TestHouse;
let heard: InboundSms[];
beforeEach(async () => {
  house = await TestHouse.open({ carriers: carriers('http://127.0.0.1:9/sms') });
  heard = [];
  house.services.sms.inbox.subscribe(async (one) => void heard.push(one));
});
afterEach(() => house.close());

const post = (
  url: string,
  body: unknown,
  headers: Record<string, string> = { authorization: `Bearer ${token}` },
) =>
  house.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });

function signed(body: string, at = house.now, key = token): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex');
  return { 'x-ringthrough-timestamp': timestamp, 'x-ringthrough-signature': `sha256=${signature}` };
}

describe('SMS that a carrier posts', () => {
  it('are stored, normalised by the carrier’s country, and told to listeners once', async () => {
    const answer = await post('/api/sms/inbound/us', sms);
    expect([answer.statusCode, answer.json()]).toEqual([202, { id: 'k1', result: 'stored' }]);
    expect((await post('/api/sms/inbound/us', sms)).json()).toEqual({ id: 'k1', result: 'duplicate' });
    await vi.waitFor(() => expect(heard).toHaveLength(1), { timeout: 20_000 });
    expect(heard[0]).toMatchObject({
      carrierId: 'us',
      from: '+14155550101',
      to: '+14155559001',
      text: 'YES 123456',
      receivedAt: house.now,
    });
  });

  it('may be signed in place of the token', async () => {
    const body = JSON.stringify(sms);
    expect((await post('/api/sms/inbound/us', body, signed(body))).statusCode).toBe(202);
  });

  it.each([
    ['no token', () => ({})],
    ['another token', () => ({ authorization: 'Bearer wrong' })],
    ['the token of what goes out', () => ({ authorization: 'Bearer out' })],
    ['a signature of another body', () => signed('{}')],
    ['a signature with another key', () => signed(JSON.stringify(sms), house.now, 'other')],
    ['a signature of ten minutes ago', () => signed(JSON.stringify(sms), house.now - 600_000)],
    ['a signature of tomorrow', () => signed(JSON.stringify(sms), house.now + 86_400_000)],
    [
      'a signature without its time',
      () => ({ 'x-ringthrough-signature': signed(JSON.stringify(sms))['x-ringthrough-signature'] ?? '' }),
    ],
    // The token is good, but who signs means the signature.
    ['a wrong signature beside the token', () => ({ authorization: `Bearer ${token}`, ...signed('{}') })],
  ])('are refused with %s', async (_, headers) => {
    const answer = await post('/api/sms/inbound/us', sms, headers());
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'bad-webhook-token']);
    expect(await house.store.selectFrom('sms_inbox').selectAll().execute()).toEqual([]);
  });

  it.each(['uk', 'nobody'])(
    'are refused alike for a carrier that posts nothing, and for none: %s',
    async (id) => {
      const answer = await post(`/api/sms/inbound/${id}`, sms);
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'bad-webhook-token']);
      expect((await post(`/api/sms/inbound/${id}`, 'nonsense', {})).json().code).toBe('bad-json');
    },
  );

  it.each([
    ['no JSON', '{', 'bad-json'],
    ['an empty id', { ...sms, id: '' }, 'bad-request'],
    ['a member more', { ...sms, more: 1 }, 'bad-request'],
    ['a text without end', { ...sms, text: 'x'.repeat(40_001) }, 'bad-request'],
  ])('have the documented form: not %s', async (_, body, code) => {
    const answer = await post('/api/sms/inbound/us', body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, code]);
  });

  it('leave no number and no text in the log', async () => {
    await post('/api/sms/inbound/us', sms);
    await vi.waitFor(() => expect(heard).toHaveLength(1), { timeout: 20_000 });
    expect(house.logLines.join('')).not.toMatch(/4155550101|YES 123456/);
  });
});

describe('receipts that a carrier posts', () => {
  it('tell what became of a message', async () => {
    await house.services.sms.enqueue(house.store, 'us', '+14155550101', 'hello');
    const [{ id } = { id: '' }] = await house.store.selectFrom('sms_outbox').select('id').execute();
    await house.store
      .insertInto('sms_parts')
      .values({
        sms_id: id,
        part: 1,
        parts: 1,
        carrier_id: 'us',
        provider_id: id,
        sent_at: 1,
        delivery: null,
        delivery_at: null,
        delivery_error: null,
      })
      .execute();
    const answer = await post('/api/sms/receipts/us', { id, state: 'undeliverable', error: '27' });
    expect([answer.statusCode, answer.json()]).toEqual([202, { id, known: true }]);
    expect(await house.store.selectFrom('sms_outbox').selectAll().executeTakeFirst()).toMatchObject({
      delivery: 'undeliverable',
      delivery_error: '27',
    });
  });

  it('may be about a message that is not known yet', async () => {
    const answer = await post('/api/sms/receipts/us', { id: 'later', state: 'delivered' });
    expect(answer.json()).toEqual({ id: 'later', known: false });
  });

  it('need the token and a state that there is', async () => {
    expect((await post('/api/sms/receipts/us', { id: 'x', state: 'delivered' }, {})).statusCode).toBe(401);
    expect((await post('/api/sms/receipts/us', { id: 'x', state: 'eaten' })).statusCode).toBe(400);
  });
});
