import { expect, test } from 'vitest';
import { CarrierVoicemail } from './carrier-voicemail.ts';

const rules = { cancels: 3, spreadMs: 1000, minRingMs: 5000 };
const number = '+14155550101';
const all = (watch: CarrierVoicemail, ...rangMs: number[]) => rangMs.map((ms) => watch.cancelled(number, ms));

test('three CANCELs after the same time are a timer, and so is each that follows', () => {
  expect(all(new CarrierVoicemail(rules), 20_100, 19_900, 20_300, 20_000)).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

test('callers give up after this time and that', () => {
  expect(all(new CarrierVoicemail(rules), 20_000, 12_000, 20_100, 20_200, 25_000)).toEqual(
    Array.from({ length: 5 }, () => false),
  );
});

test('who gives up at once is a person, however often', () => {
  expect(all(new CarrierVoicemail(rules), 2000, 2000, 2000, 2000)).not.toContain(true);
});

test('a call that we took to its end in between: no timer', () => {
  const watch = new CarrierVoicemail(rules);
  all(watch, 20_000, 20_000);
  watch.spared(number);
  expect(all(watch, 20_000, 20_000, 20_000)).toEqual([false, false, true]);
});

test('numbers are judged each by itself, and 0 judges none', () => {
  const watch = new CarrierVoicemail(rules);
  all(watch, 20_000, 20_000);
  expect(watch.cancelled('+14155550102', 20_000)).toBe(false);
  expect(watch.cancelled(number, 20_000)).toBe(true);
  expect(all(new CarrierVoicemail({ ...rules, cancels: 0 }), 20_000, 20_000, 20_000)).not.toContain(true);
});
