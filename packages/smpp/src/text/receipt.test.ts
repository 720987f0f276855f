import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePdu, encodePdu, type PduFields } from '../pdu/pdu.ts';
import { isReceipt, messageIdForms, readReceipt } from './receipt.ts';

const pdu = (fields: PduFields) =>
  decodePdu(encodePdu({ command: 'deliver_sm', sequence: 7, fields: { esm_class: 4, ...fields } }));
const text = (words: string) => pdu({ short_message: Buffer.from(words) });

describe('a delivery receipt', () => {
  it.each([
    ['DELIVRD', 'delivered'],
    ['EXPIRED', 'expired'],
    ['DELETED', 'deleted'],
    ['UNDELIV', 'undeliverable'],
    ['ACCEPTD', 'accepted'],
    ['UNKNOWN', 'unknown'],
    ['REJECTD', 'rejected'],
    ['ENROUTE', 'enroute'],
    ['SOMETHING', 'unknown'],
  ])('is read from its text: %s', (word, state) => {
    const words = `id:0123456789 sub:001 dlvrd:001 submit date:2611220501 done date:2611220502 stat:${word} err:000 text:hi`;
    expect(readReceipt(text(words))).toEqual({ messageId: '0123456789', state });
  });

  it('tells the error of the network', () => {
    expect(readReceipt(text('id:7 stat:UNDELIV err:027 text:'))).toEqual({
      messageId: '7',
      state: 'undeliverable',
      error: '027',
    });
  });

  it('believes parameters more than the text', () => {
    const receipt = pdu({
      receipted_message_id: 'AB12',
      message_state: 5,
      short_message: Buffer.from('id:1 stat:DELIVRD'),
    });
    expect(readReceipt(receipt)).toEqual({ messageId: 'AB12', state: 'undeliverable' });
  });

  it('reads an id that lacks its zero', () => {
    const whole = encodePdu({
      command: 'deliver_sm',
      sequence: 1,
      fields: { esm_class: 4, receipted_message_id: 'abc', message_state: 2 },
    });
    const at = whole.indexOf('abc\0');
    const without = Buffer.concat([whole.subarray(0, at + 3), whole.subarray(at + 4)]);
    without.writeUInt32BE(without.length, 0);
    without.writeUInt16BE(3, at - 2);
    expect(readReceipt(decodePdu(without))).toEqual({ messageId: 'abc', state: 'delivered' });
  });

  it('is none without an id', () => {
    expect(readReceipt(text('stat:DELIVRD'))).toBeUndefined();
  });

  it.each([
    [0x00, false],
    [0x04, true],
    [0x20, true],
    [0x40, false],
    [0x44, true],
    [0x08, false],
    [0x10, false],
  ])('has esm_class %i: %s', (esm, yes) => {
    expect(isReceipt(pdu({ esm_class: esm }))).toBe(yes);
  });
});

describe('the forms of a message id', () => {
  it('meet, whichever way round they are hexadecimal and decimal', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 63n }), (value) => {
        const decimal = value.toString(10);
        const hex = value.toString(16);
        for (const written of [
          hex,
          hex.toUpperCase(),
          hex.padStart(8, '0'),
          hex.toUpperCase().padStart(8, '0'),
        ]) {
          // The receipt is decimal and the answer was hexadecimal, and the other way round.
          expect(messageIdForms(decimal)).toContain(written);
          expect(messageIdForms(written)).toContain(decimal);
        }
        expect(messageIdForms(decimal.padStart(25, '0'))).toContain(decimal);
      }),
    );
  });

  it('begin with the id itself, and leave alone what is no number', () => {
    expect(messageIdForms('77')[0]).toBe('77');
    expect(messageIdForms('zz-9')).toEqual(['zz-9', 'ZZ-9']);
    expect(messageIdForms('x'.repeat(64))).toEqual(['x'.repeat(64), 'X'.repeat(64)]);
  });
});
