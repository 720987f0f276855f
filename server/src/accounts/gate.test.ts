import { expect, it } from 'vitest';
import { Gate } from './gate.ts';

it('lets so many through at once, in order, and sends away who is too many', async () => {
  const gate = new Gate({ places: 2, maxWaiting: 2 });
  const finish: Array<() => void> = [];
  const entered: number[] = [];
  const enter = (id: number) =>
    gate.run(async () => {
      entered.push(id);
      await new Promise<void>((resolve) => finish.push(resolve));
      if (id === 1) throw new Error('failed inside');
      return id;
    });
  const runs = [1, 2, 3, 4].map(enter);
  await expect(enter(5)).rejects.toMatchObject({ code: 'too-many-requests' });
  expect(entered).toEqual([1, 2]);
  finish[0]!();
  await expect(runs[0]).rejects.toThrow('failed inside');
  expect(entered).toEqual([1, 2, 3]);
  finish[1]!();
  await runs[1];
  finish[2]!();
  finish[3]!();
  expect(await Promise.all(runs.slice(1))).toEqual([2, 3, 4]);
  const last = enter(6);
  expect(entered.at(-1)).toBe(6);
  finish[4]!();
  expect(await last).toBe(6);
});
