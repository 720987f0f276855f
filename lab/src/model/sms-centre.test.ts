import { describe, expect, it } from 'vitest';
import { type InboxSms, SmsCentre } from './sms-centre.ts';

const number = '+14155550101';
/** Of Ringthrough, at the carrier. */
const ours = '+14155559001';

function centre(reachable = true) {
  const state = { reachable, now: 1000 };
  const delivered: InboxSms[] = [];
  const options = {
    now: () => state.now,
    reach: (to: string): Reach => {
      if (to === ours) return 'elsewhere';
      return to !== number ? 'unknown' : state.reachable ? 'reachable' : 'unreachable';
    },
    onDelivered: (_: string, sms: InboxSms) => void delivered.push(sms),
  };
  return { state, delivered, options, centre: new SmsCentre(options) };
}
type Reach = 'unknown' | 'reachable' | 'unreachable' | 'elsewhere';

const sms = { id: 'one', from: 'Ringthrough', to: number, text: 'hello' };

it('delivers at once to a handset in coverage', () => {
  const { centre: smsCentre, delivered } = centre();
  expect(smsCentre.accept(sms)).toBe('accepted');
  expect(delivered).toEqual([
    { id: 'one', from: 'Ringthrough', text: 'hello', acceptedAt: 1000, deliveredAt: 1000 },
  ]);
});

it('keeps a message until the handset is reachable and delivers it once', () => {
  const { centre: smsCentre, state } = centre(false);
  smsCentre.accept(sms);
  expect(smsCentre.inbox(number)).toEqual([]);
  expect(smsCentre.waitingFor(number)).toHaveLength(1);
  state.reachable = true;
  state.now = 5000;
  smsCentre.deliverWaiting(number);
  smsCentre.deliverWaiting(number);
  expect(smsCentre.inbox(number)).toMatchObject([{ acceptedAt: 1000, deliveredAt: 5000 }]);
  expect(smsCentre.waitingFor(number)).toHaveLength(0);
});

it('takes the same id once, before and after delivery', () => {
  const { centre: smsCentre, state } = centre(false);
  smsCentre.accept(sms);
  expect(smsCentre.accept(sms)).toBe('duplicate');
  state.reachable = true;
  smsCentre.deliverWaiting(number);
  expect(smsCentre.accept(sms)).toBe('duplicate');
  expect(smsCentre.inbox(number)).toHaveLength(1);
});

it('refuses a number no SIM has, and takes the id again later', () => {
  const { centre: smsCentre } = centre();
  expect(smsCentre.accept({ ...sms, to: '+19995550000' })).toBe('unknown-number');
  expect(smsCentre.accept(sms)).toBe('accepted');
});

it('goes on after a restart where it was', () => {
  const first = centre(false);
  first.centre.accept(sms);
  const second = new SmsCentre({ ...first.options, snapshot: first.centre.snapshot() });
  expect(second.accept(sms)).toBe('duplicate');
  first.state.reachable = true;
  second.deliverWaiting(number);
  expect(second.inbox(number)).toHaveLength(1);
});

it('shows the newest message first and empties on request', () => {
  const { centre: smsCentre } = centre();
  smsCentre.accept(sms);
  smsCentre.accept({ ...sms, id: 'two', text: 'again' });
  expect(smsCentre.inbox(number).map((one) => one.id)).toEqual(['two', 'one']);
  smsCentre.clearInbox(number);
  expect(smsCentre.inbox(number)).toEqual([]);
});

describe('the list of SMS', () => {
  it('tells where each has got to, and of its receipt', () => {
    const { centre: smsCentre, state } = centre(false);
    smsCentre.accept({ ...sms, receipt: true });
    expect(smsCentre.records()).toMatchObject([{ id: 'one', state: 'stored', receipt: 'asked' }]);
    state.reachable = true;
    state.now = 7000;
    smsCentre.deliverWaiting(number);
    smsCentre.receiptReturned('one');
    expect(smsCentre.record('one')).toMatchObject({
      state: 'delivered',
      deliveredAt: 7000,
      receipt: 'returned',
    });
  });

  it('has what handsets send: to Ringthrough, kept until it is taken, and to nobody', () => {
    const { centre: smsCentre } = centre();
    expect(smsCentre.accept({ ...sms, to: ours, origin: 'handset' })).toBe('accepted');
    expect(smsCentre.waitingFor(ours)).toHaveLength(1);
    smsCentre.delivered('one');
    smsCentre.delivered('one');
    expect(smsCentre.waitingFor(ours)).toEqual([]);
    const lost = { ...sms, id: 'two', to: '+19995550000', origin: 'handset' as const };
    expect(smsCentre.accept(lost)).toBe('unknown-number');
    expect(smsCentre.records().map(({ id, state }) => [id, state])).toEqual([
      ['two', 'failed'],
      ['one', 'delivered'],
    ]);
  });

  it('comes back after a restart, also from a file that has none', () => {
    const first = centre(false);
    first.centre.accept(sms);
    const { records, ...older } = first.centre.snapshot();
    expect(new SmsCentre({ ...first.options, snapshot: { ...older, records } }).records()).toHaveLength(1);
    expect(new SmsCentre({ ...first.options, snapshot: older }).waitingFor(number)).toHaveLength(1);
  });
});
