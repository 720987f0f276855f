import { SipRequest } from '@ringthrough/sip';
import { expect, test } from 'vitest';
import { keyOfInfo } from './info-keys.ts';

test.each([
  ['application/dtmf-relay', 'Signal=5\r\nDuration=160', '5'],
  ['Application/DTMF-Relay; charset=x', 'Signal= #\r\nDuration= 250\r\n', '#'],
  ['application/dtmf-relay', 'Duration=160\r\nsignal=11\r\n', '#'],
  ['application/dtmf-relay', 'Signal=10', '*'],
  ['application/dtmf', '7', '7'],
  ['application/dtmf', ' a\r\n', 'A'],
  ['application/dtmf-relay', 'Signal=5#', undefined],
  ['application/dtmf-relay', '', undefined],
  ['application/dtmf', 'E', undefined],
  ['text/plain', '5', undefined],
])('INFO with %s "%s" is the key %s', (type, body, key) => {
  const request = new SipRequest('INFO', 'sip:x@h', { headers: [['Content-Type', type]], body });
  expect(keyOfInfo(request)).toBe(key);
});
