import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ladder } from '../ladder.ts';
import { defaultCarriers } from '../model/defaults.ts';
import type { SmsCentreSnapshot } from '../model/sms-centre.ts';
import { Carriers } from './carriers.ts';
import { Handsets } from './handsets.ts';
import { Messages, type UplinkSms } from './messages.ts';

const own = '+14155550101';
const other = '+447700900456';
const ours = '+14155559001';

vi.setConfig({ testTimeout: 30_000 });
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

let messages: Messages;
let handsets: Handsets;
let saved: SmsCentreSnapshot;

function start(snapshot?: SmsCentreSnapshot): Messages {
  const hub = {
    log: { info: () => {}, warn: () => {} },
    changed: () => {},
    persist: () => {
      saved = structuredClone(messages.snapshot());
    },
  };
  const carriers = new Carriers({
    hub,
    host: '127.0.0.1',
    server: { host: '127.0.0.1', port: 1 },
    ladder: new Ladder(Date.now, () => {}),
    carriers: defaultCarriers(),
    redirection: {},
    onCall: () => undefined,
  });
  handsets = new Handsets(hub, defaultCarriers(), {});
  messages = new Messages({ hub, handsets, carriers, snapshot });
  return messages;
}

beforeEach(() => {
  start();
});
afterEach(() => messages.close());

describe('an SMS that a handset sends', () => {
  it('reaches the handset of another carrier, dialled as people there do', () => {
    expect(messages.send(own, '011 44 7700 900456', 'Hello “you” 👋')).toMatchObject({
      to: other,
      state: 'delivered',
      origin: 'handset',
    });
    expect(messages.inbox(other)).toMatchObject([{ from: own, text: 'Hello “you” 👋' }]);
  });

  it('waits for a handset that is off', () => {
    handsets.setCoverage(other, 'off');
    expect(messages.send(own, other, 'Hello').state).toBe('stored');
    handsets.setCoverage(other, 'covered');
    messages.deliverWaiting(other);
    expect(messages.records()).toMatchObject([{ to: other, state: 'delivered' }]);
  });

  it('goes to Ringthrough over its carrier, once, and again after it was refused', async () => {
    const offered: UplinkSms[] = [];
    messages.send(own, ours, 'RT 123456');
    expect(messages.records()).toMatchObject([{ state: 'stored' }]);
    let refuse = true;
    messages.connect('lab-gsm', {
      deliver: async (sms) => {
        offered.push(sms);
        if (refuse) throw new Error('busy');
      },
    });
    await eventually(() => expect(offered).toHaveLength(1));
    expect(messages.records()).toMatchObject([{ state: 'stored' }]);
    refuse = false;
    await eventually(() => expect(messages.records()).toMatchObject([{ state: 'delivered' }]));
    const expected = { carrierId: 'lab-gsm', from: own, to: ours, text: 'RT 123456' };
    expect(offered).toMatchObject([expected, expected]);
    expect(offered[0]?.id).toBe(offered[1]?.id);
  });

  it('is not lost by a restart before Ringthrough took it', async () => {
    messages.send(own, ours, 'RT 123456');
    messages.close();
    const offered: UplinkSms[] = [];
    start(saved).connect('lab-gsm', { deliver: async (sms) => void offered.push(sms) });
    await eventually(() => expect(offered).toMatchObject([{ text: 'RT 123456' }]));
  });

  it('fails to a number that nobody has, and needs a network', () => {
    expect(messages.send(own, '+19995550000', 'Hello').state).toBe('failed');
    expect(() => messages.send(own, '12', 'Hello')).toThrow(expect.objectContaining({ code: 'bad-number' }));
    handsets.setCoverage(own, 'sim-out');
    expect(() => messages.send(own, other, 'Hello')).toThrow(expect.objectContaining({ code: 'no-service' }));
  });
});

it('tells of deliveries that a receipt was asked for', () => {
  const delivered: string[] = [];
  const stop = messages.onDelivered(({ id, receipt }) => void delivered.push(`${id} ${receipt}`));
  handsets.setCoverage(own, 'no-coverage');
  messages.accept({ id: 'a', from: 'Ringthrough', to: own, text: 'Code 123456', receipt: true });
  expect(delivered).toEqual([]);
  handsets.setCoverage(own, 'covered');
  messages.deliverWaiting(own);
  expect(delivered).toEqual(['a asked']);
  messages.receiptReturned('a');
  expect(messages.records()).toMatchObject([{ id: 'a', receipt: 'returned' }]);
  stop();
  messages.accept({ id: 'b', from: 'Ringthrough', to: own, text: 'Code 654321' });
  expect(delivered).toHaveLength(1);
});
