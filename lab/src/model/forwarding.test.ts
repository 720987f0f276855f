import { describe, expect, it } from 'vitest';
import { causes } from './causes.ts';
import { ForwardingTable } from './forwarding-table.ts';
import { type CalledSubscriber, maxDiversions, routeArrival, routeUnanswered } from './routing.ts';
import type { Diverted } from './types.ts';

const cNumber = '+14155559000';

function subscriber(change: Partial<CalledSubscriber> = {}): CalledSubscriber {
  const forwarding = change.forwarding ?? new ForwardingTable();
  return { number: '+14155550101', coverage: 'covered', inCall: false, forwarding, ...change };
}

function withAllConditional(noReplySeconds?: number): ForwardingTable {
  const table = new ForwardingTable();
  table.apply({ procedure: 'register', service: 'all-conditional', number: cNumber, noReplySeconds });
  return table;
}

describe('forwarding table', () => {
  it('registers the three conditional forwardings with **004', () => {
    const table = withAllConditional();
    expect(table.active('busy')?.to).toBe(cNumber);
    expect(table.active('not-reachable')?.to).toBe(cNumber);
    expect(table.active('no-reply')).toEqual({ to: cNumber, active: true, noReplySeconds: 20 });
    expect(table.active('unconditional')).toBeUndefined();
  });

  it('erases them with ##004 and leaves the unconditional one', () => {
    const table = withAllConditional();
    table.apply({ procedure: 'register', service: 'unconditional', number: cNumber });
    table.apply({ procedure: 'erase', service: 'all-conditional' });
    expect(Object.keys(table.snapshot())).toEqual(['unconditional']);
  });

  it('keeps the number of a deactivated forwarding, to be activated again', () => {
    const table = withAllConditional();
    table.apply({ procedure: 'deactivate', service: 'busy' });
    expect(table.active('busy')).toBeUndefined();
    expect(table.apply({ procedure: 'activate', service: 'busy' }).ok).toBe(true);
    expect(table.active('busy')?.to).toBe(cNumber);
  });

  it('refuses to activate what was never registered', () => {
    expect(new ForwardingTable().apply({ procedure: 'activate', service: 'busy' }).ok).toBe(false);
  });

  it('answers *#004# with one line for each condition', () => {
    const answer = withAllConditional(15).apply({ procedure: 'interrogate', service: 'all-conditional' });
    expect(answer.lines).toEqual([
      `When busy: ${cNumber}`,
      `When unanswered: ${cNumber} after 15 s`,
      `When unreachable: ${cNumber}`,
    ]);
  });

  it('comes back from its snapshot', () => {
    const table = new ForwardingTable(withAllConditional(10).snapshot());
    expect(table.active('no-reply')?.noReplySeconds).toBe(10);
  });
});

describe('where a call goes first', () => {
  it('rings a covered handset that is free, as long as its no-reply time says', () => {
    expect(routeArrival(subscriber({ forwarding: withAllConditional(10) }), [])).toEqual({
      kind: 'ring',
      noReplyMs: 10_000,
    });
  });

  it.each([
    ['no-coverage', 'unavailable'],
    ['off', 'unavailable'],
  ] as const)('diverts when the handset is %s with reason %s', (coverage, reason) => {
    const decision = routeArrival(subscriber({ coverage, forwarding: withAllConditional() }), []);
    expect(decision).toEqual({ kind: 'divert', diverted: { number: '+14155550101', reason, to: cNumber } });
  });

  it('diverts with user-busy when the handset is in a call', () => {
    const decision = routeArrival(subscriber({ inCall: true, forwarding: withAllConditional() }), []);
    expect(decision).toMatchObject({ kind: 'divert', diverted: { reason: 'user-busy' } });
  });

  it('prefers unreachable to busy, and always to everything', () => {
    const forwarding = withAllConditional();
    const lost = subscriber({ inCall: true, coverage: 'no-coverage', forwarding });
    expect(routeArrival(lost, [])).toMatchObject({ diverted: { reason: 'unavailable' } });
    forwarding.apply({ procedure: 'register', service: 'unconditional', number: '+14155558888' });
    expect(routeArrival(lost, [])).toMatchObject({
      diverted: { reason: 'unconditional', to: '+14155558888' },
    });
  });

  it.each([
    [{ coverage: 'off' } as const, causes.absent],
    [{ inCall: true }, causes.busy],
  ])('releases with the true cause when nothing is registered: %o', (change, cause) => {
    expect(routeArrival(subscriber(change), [])).toEqual({ kind: 'release', cause });
  });

  it('ends a circle of forwardings', () => {
    const hop: Diverted = { number: '+1', reason: 'unconditional', to: '+2' };
    const called = subscriber({ coverage: 'off', forwarding: withAllConditional() });
    const already = Array.from({ length: maxDiversions }, () => hop);
    expect(routeArrival(called, already)).toEqual({ kind: 'release', cause: causes.tooManyDiversions });
  });
});

describe('where a call goes that was not answered', () => {
  it.each([
    ['no-reply', 'no-answer'],
    ['declined', 'user-busy'],
    ['lost-coverage', 'unavailable'],
  ] as const)('%s diverts with reason %s', (why, reason) => {
    const called = subscriber({ forwarding: withAllConditional() });
    expect(routeUnanswered(called, why, [])).toMatchObject({ kind: 'divert', diverted: { reason } });
  });

  it.each([
    ['no-reply', causes.noAnswer],
    ['declined', causes.rejected],
    ['lost-coverage', causes.absent],
  ] as const)('%s releases when nothing is registered', (why, cause) => {
    expect(routeUnanswered(subscriber(), why, [])).toEqual({ kind: 'release', cause });
  });
});

describe('the carrier’s own voicemail', () => {
  const voicemailNumber = '+14155559010';

  it.each([
    ['unreachable', { coverage: 'sim-out' } as const, 'unavailable'],
    ['busy', { inCall: true }, 'user-busy'],
  ])('takes calls when %s', (_, change, reason) => {
    expect(routeArrival(subscriber({ ...change, voicemailNumber }), [])).toMatchObject({
      diverted: { reason, to: voicemailNumber },
    });
  });

  it('takes unanswered calls after the network’s time', () => {
    const called = subscriber({ voicemailNumber });
    expect(routeArrival(called, [])).toEqual({ kind: 'ring', noReplyMs: 20_000 });
    expect(routeUnanswered(called, 'no-reply', [])).toMatchObject({ diverted: { to: voicemailNumber } });
  });

  it('stands back where something is registered', () => {
    const called = subscriber({ coverage: 'off', voicemailNumber, forwarding: withAllConditional() });
    expect(routeArrival(called, [])).toMatchObject({ diverted: { to: cNumber } });
  });
});
