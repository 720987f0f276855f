import { describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../errors.ts';
import { retried } from './retrying-store.ts';

const withCode = (code: string) => Object.assign(new Error(code), { code, severity: 'ERROR' });

/** Fails so often with these, then succeeds. @returns how it was run */
async function runs(errors: readonly Error[]): Promise<boolean[]> {
  const seen: boolean[] = [];
  await retried(async (alone) => {
    seen.push(alone);
    const error = errors[seen.length - 1];
    if (error) throw error;
  });
  return seen;
}

describe('a transaction that met others', () => {
  it.each(['40001', '40P01'])('%s: is run again, from the fourth time on alone', async (code) => {
    expect(await runs([])).toEqual([false]);
    expect(await runs(Array(4).fill(withCode(code)))).toEqual([false, false, false, true, true]);
  });

  it('is given up after ten times, as something that may go better later', async () => {
    const always = Array(20).fill(withCode('40001'));
    await expect(runs(always)).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('that broke a rule is run once more, alone: then it is its own fault', async () => {
    expect(await runs([withCode('23505')])).toEqual([false, true]);
    expect(await runs([withCode('23503')])).toEqual([false, true]);
    await expect(runs(Array(2).fill(withCode('23505')))).rejects.toMatchObject({ code: '23505' });
  });

  it.each(['23514', '42P01', undefined])('%s: is not run again', async (code) => {
    const error = code === undefined ? new Error('no') : withCode(code);
    let times = 0;
    const failed = retried(async () => {
      times += 1;
      throw error;
    });
    await expect(failed).rejects.toBe(error);
    expect(times).toBe(1);
  });
});
