import { numberField, octetsField, type Pdu, type PduFields } from '../pdu/pdu.ts';

/** Which part of which message; parts count from 1. */
export interface Concatenation {
  /** Of one sender and recipient; kinds of references do not meet: those of 16 bits and of sar_* have bits above. */
  reference: number;
  parts: number;
  part: number;
}

/** What a submit_sm, deliver_sm or data_sm carries. */
export interface UserData {
  /** data_coding. */
  coding: number;
  /** Without the user data header. */
  payload: Uint8Array;
  /** Of a part of a long message. */
  concatenation?: Concatenation;
}

const udhIndicator = 0x40;
const concatenation8 = 0x00;
const concatenation16 = 0x08;
const kind16 = 0x1_0000;
const kindSar = 0x2_0000;

/** Parameters of one part with a concatenation header, 8-bit reference (TS 23.040 section 9.2.3.24.1). */
export function udhFields(payload: Uint8Array, { reference, parts, part }: Concatenation): PduFields {
  const header = [5, concatenation8, 3, reference & 0xff, parts, part];
  return { esm_class: udhIndicator, short_message: Buffer.concat([Buffer.from(header), payload]) };
}

/** The same by sar_* parameters: the SMS centre writes the header (SMPP 3.4 section 5.3.2.22). */
export function sarFields(payload: Uint8Array, { reference, parts, part }: Concatenation): PduFields {
  return {
    short_message: Buffer.from(payload),
    sar_msg_ref_num: reference & 0xffff,
    sar_total_segments: parts,
    sar_segment_seqnum: part,
  };
}

/** Takes a message apart. A header that makes no sense is left out, and what it says with it. */
export function readUserData(pdu: Pdu): UserData {
  const short = octetsField(pdu, 'short_message') ?? new Uint8Array();
  const octets = short.length > 0 ? short : (octetsField(pdu, 'message_payload') ?? short);
  const coding = numberField(pdu, 'data_coding');
  const data: UserData = { coding, payload: octets };
  const header = (numberField(pdu, 'esm_class') & udhIndicator) !== 0 && octets.length > 0;
  const headerLength = header ? (octets[0] ?? 0) + 1 : 0;
  if (header) data.payload = octets.subarray(headerLength);
  const concatenation = header ? readHeader(octets.subarray(1, headerLength)) : readSar(pdu);
  if (concatenation && isPossible(concatenation)) data.concatenation = concatenation;
  return data;
}

function readHeader(header: Uint8Array): Concatenation | undefined {
  let at = 0;
  while (at + 2 <= header.length) {
    const [element = 0, length = 0] = header.subarray(at, at + 2);
    const [a = 0, b = 0, c = 0, d = 0] = header.subarray(at + 2, at + 2 + length);
    if (element === concatenation8 && length === 3) return { reference: a, parts: b, part: c };
    if (element === concatenation16 && length === 4)
      return { reference: kind16 | (a << 8) | b, parts: c, part: d };
    at += 2 + length;
  }
  return undefined;
}

function readSar(pdu: Pdu): Concatenation | undefined {
  if (pdu.fields.sar_msg_ref_num === undefined) return undefined;
  return {
    reference: kindSar | numberField(pdu, 'sar_msg_ref_num'),
    parts: numberField(pdu, 'sar_total_segments'),
    part: numberField(pdu, 'sar_segment_seqnum'),
  };
}

/** Of one part it is no part; the rest is nonsense (TS 23.040: to be ignored). */
const isPossible = ({ parts, part }: Concatenation): boolean => parts > 1 && part >= 1 && part <= parts;
