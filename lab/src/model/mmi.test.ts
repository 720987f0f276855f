import { describe, expect, it } from 'vitest';
import { parseDialled } from './mmi.ts';

describe('codes of 3GPP TS 22.030', () => {
  it.each([
    ['**004*+14155559000#', 'register', 'all-conditional', '+14155559000', undefined],
    ['**61*+14155559000**25#', 'register', 'no-reply', '+14155559000', 25],
    ['**61*+14155559000*11*5#', 'register', 'no-reply', '+14155559000', 5],
    ['**004*14155559000**15#', 'register', 'all-conditional', '14155559000', 15],
    ['**62*+447700900999#', 'register', 'not-reachable', '+447700900999', undefined],
    ['**67*07700900999#', 'register', 'busy', '07700900999', undefined],
    ['**21*+14155559000#', 'register', 'unconditional', '+14155559000', undefined],
    ['*21*+14155559000#', 'register', 'unconditional', '+14155559000', undefined],
    ['**002*+14155559000#', 'register', 'all', '+14155559000', undefined],
  ])('%s registers', (typed, procedure, service, number, noReplySeconds) => {
    const expected = { kind: 'forwarding', procedure, service, number };
    expect(parseDialled(typed)).toEqual(
      noReplySeconds === undefined ? expected : { ...expected, noReplySeconds },
    );
  });

  it.each([
    ['##004#', 'erase', 'all-conditional'],
    ['##002#', 'erase', 'all'],
    ['##61#', 'erase', 'no-reply'],
    ['##62#', 'erase', 'not-reachable'],
    ['##67#', 'erase', 'busy'],
    ['##21#', 'erase', 'unconditional'],
    ['#21#', 'deactivate', 'unconditional'],
    ['*21#', 'activate', 'unconditional'],
    ['*#004#', 'interrogate', 'all-conditional'],
    ['*#61#', 'interrogate', 'no-reply'],
  ])('%s asks to %s %s', (typed, procedure, service) => {
    expect(parseDialled(typed)).toEqual({ kind: 'forwarding', procedure, service });
  });

  it.each([
    '**004*#',
    '**004#',
    '**61*12**25#',
    '**61*+14155559000**7#',
    '**61*+14155559000**35#',
    '**62*+14155559000**20#',
  ])('%s is refused with a reason', (typed) => {
    const result = parseDialled(typed);
    expect(result.kind).toBe('invalid');
  });

  it.each(['*100#', '**99*123#', '#', '**', '12', 'abc', ''])('%s is no code of this network', (typed) => {
    expect(parseDialled(typed).kind).toBe('invalid');
  });
});

describe('numbers', () => {
  it('calls what has no code in it, without the separators people type', () => {
    expect(parseDialled('+1 (415) 555-0101')).toEqual({
      kind: 'call',
      number: '+14155550101',
      withholdNumber: false,
    });
  });

  it('withholds the own number after #31# and shows it after *31#', () => {
    expect(parseDialled('#31#+14155550101')).toMatchObject({ number: '+14155550101', withholdNumber: true });
    expect(parseDialled('*31#+14155550101')).toMatchObject({ number: '+14155550101', withholdNumber: false });
  });

  it('knows the code every phone answers by itself', () => {
    expect(parseDialled('*#06#')).toEqual({ kind: 'imei' });
  });
});

describe('feature codes of a CDMA network (TIA-664)', () => {
  it.each([
    ['*714155559000', { procedure: 'register', service: 'all-conditional', number: '4155559000' }],
    ['*71 (415) 555-9000', { procedure: 'register', service: 'all-conditional', number: '4155559000' }],
    ['*72+14155559000', { procedure: 'register', service: 'unconditional', number: '+14155559000' }],
    ['*73', { procedure: 'erase', service: 'all' }],
  ])('%s', (typed, expected) => {
    expect(parseDialled(typed, 'cdma')).toEqual({ kind: 'forwarding', ...expected });
  });

  it('knows no MMI codes, and a GSM network no feature codes', () => {
    expect(parseDialled('**004*+14155559000#', 'cdma').kind).toBe('invalid');
    expect(parseDialled('*714155559000').kind).toBe('invalid');
    expect(parseDialled('*73').kind).toBe('invalid');
    expect(parseDialled('4155550101', 'cdma')).toMatchObject({ kind: 'call', number: '4155550101' });
  });
});
