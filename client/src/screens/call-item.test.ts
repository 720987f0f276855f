import { describe, expect, it } from 'vitest';
import type { CallRecord } from '../api/types.ts';
import { readOutcome } from './call-item.tsx';

const call: CallRecord = {
  id: 'c',
  number: '+14155550101',
  caller: '+442071838750',
  reason: 'unreachable',
  arrivedAt: 1000,
  answeredAt: 2000,
  endedAt: 3000,
  durationMs: 1000,
  outcome: 'answered',
  device: { id: 'd1', name: 'Firefox on Android' },
  codecs: null,
  quality: null,
};

describe('the outcome of a call', () => {
  it('is answered here on the device that took it', () => {
    expect(readOutcome(call, 'd1').words).toBe('Answered here');
  });

  it('is answered elsewhere, and never missed, on every other device', () => {
    expect(readOutcome(call, 'd2').words).toBe('Answered elsewhere, on Firefox on Android');
    expect(readOutcome({ ...call, device: null }, 'd2').words).toBe('Answered elsewhere');
  });

  it.each([
    ['missed', 'Missed'],
    ['voicemail', 'Went to voicemail'],
    ['cancelled', 'Missed, the caller hung up'],
    ['declined', 'Declined'],
  ] as const)('%s', (outcome, words) => {
    expect(readOutcome({ ...call, outcome, answeredAt: null, device: null }, 'd1').words).toBe(words);
  });

  it('goes on as long as it has no outcome', () => {
    expect(readOutcome({ ...call, outcome: null, endedAt: null }, 'd1').words).toBe('Going on now');
    expect(
      readOutcome({ ...call, outcome: null, answeredAt: null, endedAt: null, device: null }, 'd1').words,
    ).toBe('Going on now');
  });
});
