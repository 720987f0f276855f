import { expect, it } from 'vitest';
import { parseHandOver } from './hand-over.ts';

it.each([
  ['#dial=+14155559002', { kind: 'dial', text: '+14155559002' }],
  ['#dial=%2B14155559002', { kind: 'dial', text: '+14155559002' }],
  ['#dial=tel:+14155559002', { kind: 'dial', text: '+14155559002' }],
  ['#dial=**004*%2B14155559000%23', { kind: 'dial', text: '**004*+14155559000#' }],
  ['#dial=*73&handset=+13125550142', { kind: 'dial', text: '*73', handset: '+13125550142' }],
  ['#sms=+14155559001&text=RT%20ABC123', { kind: 'sms', to: '+14155559001', text: 'RT ABC123' }],
  ['#sms=sms:+14155559001?body=RT%20ABC', { kind: 'sms', to: '+14155559001', text: 'RT ABC' }],
  ['#sms=sms%3A%2B14155559001%3Fbody%3DRT%2520A', { kind: 'sms', to: '+14155559001', text: 'RT A' }],
])('takes %s', (hash, expected) => {
  expect(parseHandOver(hash)).toEqual({ handset: undefined, ...expected });
});

it.each(['', '#', '#main', '#handset=+1', '#text=a'])('leaves %s alone', (hash) => {
  expect(parseHandOver(hash)).toBeUndefined();
});

it('takes what is not encoded properly as it is', () => {
  expect(parseHandOver('#dial=100%')).toMatchObject({ text: '100%' });
});
