import fc from 'fast-check';
import smpp from 'smpp';
import { describe, expect, it } from 'vitest';
import { FrameReader } from './frame-reader.ts';
import { decodePdu, encodePdu, maxPduLength } from './pdu.ts';
import { statusName, verdictOf } from './status.ts';

const ascii = fc.string({ maxLength: 20 }).map((text) => text.replace(/[^\x20-\x7e]/g, '.'));

describe('PDUs', () => {
  it('come back as they were, texts as octets', () => {
    const any = fc.record({
      source_addr: ascii,
      destination_addr: ascii,
      esm_class: fc.nat(255),
      data_coding: fc.nat(255),
      short_message: fc.uint8Array({ maxLength: 254 }).map((octets) => Buffer.from(octets)),
      validity_period: fc.constantFrom('', '000000001000000R'),
    });
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 0x7fffffff }), (fields, sequence) => {
        const pdu = decodePdu(encodePdu({ command: 'submit_sm', sequence, fields }));
        expect(pdu).toMatchObject({ command: 'submit_sm', sequence, status: 0, isResponse: false });
        expect(pdu.fields).toMatchObject(fields);
      }),
    );
  });

  it('are those of the package itself', () => {
    const ours = encodePdu({ command: 'submit_sm_resp', sequence: 9, fields: { message_id: 'x1' } });
    const theirs = new smpp.PDU('submit_sm_resp', { sequence_number: 9, message_id: 'x1' }).toBuffer();
    expect(ours).toEqual(theirs);
  });

  it('carry no parameters with an error', () => {
    const octets = encodePdu({
      command: 'submit_sm_resp',
      sequence: 1,
      status: 0x58,
      fields: { message_id: 'x' },
    });
    expect(octets).toHaveLength(16);
    expect(decodePdu(octets)).toMatchObject({ command: 'submit_sm_resp', status: 0x58, isResponse: true });
  });

  it('of commands that are none are unknown', () => {
    const octets = encodePdu({ command: 'enquire_link', sequence: 3 });
    octets.writeUInt32BE(0x0777, 4);
    expect(decodePdu(octets)).toMatchObject({ command: 'unknown', sequence: 3 });
  });

  it('are not longer than anybody reads', () => {
    const long = { message_payload: Buffer.alloc(maxPduLength) };
    expect(() => encodePdu({ command: 'submit_sm', sequence: 1, fields: long })).toThrow(RangeError);
  });

  it('from strangers are read, with a fault or without', () => {
    const commands = fc.constantFrom(1, 4, 5, 9, 0x80000004, 0x103);
    fc.assert(
      fc.property(commands, fc.nat(0xffffffff), fc.uint8Array({ maxLength: 300 }), (id, sequence, body) => {
        const octets = Buffer.concat([Buffer.alloc(16), body]);
        octets.writeUInt32BE(octets.length, 0);
        octets.writeUInt32BE(id, 4);
        octets.writeUInt32BE(sequence, 12);
        expect(decodePdu(octets)).toMatchObject({ sequence, isResponse: id === 0x80000004 });
      }),
    );
  });

  it('that end in the middle of a parameter say so, and what came before it', () => {
    const whole = encodePdu({
      command: 'deliver_sm',
      sequence: 3,
      fields: { source_addr: '1415', message_state: 2 },
    });
    const cut = Buffer.from(whole.subarray(0, whole.length - 1));
    cut.writeUInt32BE(cut.length, 0);
    expect(decodePdu(cut)).toMatchObject({ malformed: true, sequence: 3, fields: { source_addr: '1415' } });
    expect(decodePdu(whole).malformed).toBeUndefined();
  });
});

describe('FrameReader', () => {
  it('gives the same PDUs however the stream is cut', () => {
    const pdus = Array.from({ length: 5 }, (_, index) =>
      encodePdu({
        command: 'submit_sm',
        sequence: index + 1,
        fields: { short_message: Buffer.alloc(index * 40) },
      }),
    );
    const stream = Buffer.concat(pdus);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sizes) => {
        const reader = new FrameReader();
        const frames: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          frames.push(...reader.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(frames.map((frame) => Buffer.from(frame))).toEqual(pdus);
      }),
    );
  });

  it.each([0, 4, 15, maxPduLength + 1, 0xffffffff])('refuses a length of %i', (length) => {
    const octets = Buffer.alloc(16);
    octets.writeUInt32BE(length, 0);
    expect(() => new FrameReader().push(octets)).toThrow(RangeError);
  });
});

describe('answers', () => {
  it.each([
    [0x00, 'ok'],
    [0x58, 'throttled'],
    [0x14, 'throttled'],
    [0x08, 'temporary'],
    [0x64, 'temporary'],
    [0x401, 'temporary'],
    [0x0b, 'permanent'],
    [0x0a, 'permanent'],
    [0x01, 'permanent'],
    [0x66, 'permanent'],
  ])('%i is %s', (code, verdict) => {
    expect(verdictOf(code)).toBe(verdict);
  });

  it('have names', () => {
    expect(statusName(0x58)).toBe('ESME_RTHROTTLED');
    expect(statusName(0x401)).toBe('0x00000401');
  });
});
