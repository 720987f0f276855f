import smpp, { type PDU, type PduFields } from 'smpp';

/** What a part of a long message has in common with the others, and its place; parts count from 1. */
export interface Segment {
  reference: number;
  parts: number;
  part: number;
}

/** The words of a submit_sm as the package has decoded them, and which part of a message they are. */
export function readShortMessage(pdu: PDU): { text: string; segment?: Segment } {
  const short = pdu.short_message as Decoded | undefined;
  const text = wordsOf(short) || wordsOf(pdu.message_payload as Decoded | undefined);
  const segment = segmentOf(pdu, short?.udh ?? []);
  return segment && segment.parts > 1 ? { text, segment } : { text };
}

interface Decoded {
  message?: string | Uint8Array;
  /** Information elements of the header (3GPP TS 23.040 section 9.2.3.24), each with its identifier and length. */
  udh?: Uint8Array[];
}

const wordsOf = (decoded: Decoded | undefined): string => {
  const { message = '' } = decoded ?? {};
  return typeof message === 'string' ? message : Buffer.from(message).toString('latin1');
};

function segmentOf(pdu: PDU, udh: readonly Uint8Array[]): Segment | undefined {
  for (const [element, , ...data] of udh) {
    const [a = 0, b = 0, c = 0, d = 0] = data;
    if (element === 0x00) return { reference: a, parts: b, part: c };
    if (element === 0x08) return { reference: a * 256 + b, parts: c, part: d };
  }
  if (typeof pdu.sar_msg_ref_num !== 'number') return undefined;
  const [parts, part] = [Number(pdu.sar_total_segments), Number(pdu.sar_segment_seqnum)];
  return { reference: pdu.sar_msg_ref_num, parts, part };
}

const gsm = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\[~\]|€]*$/;

/** The parts in which a handset sends a text: GSM alphabet where it can, else UCS-2; long ones with a header. */
export function writeShortMessages(text: string, reference: number): PduFields[] {
  const coding = gsm.test(text) ? 0 : 8;
  // By character: none is torn apart, whether it takes one unit or two.
  const encode = (part: string) =>
    coding === 0 ? smpp.gsmCoder.encode(part, 0) : Buffer.from(part, 'utf16le').swap16();
  const whole = encode(text);
  if (whole.length <= (coding === 0 ? 160 : 140)) return [{ data_coding: coding, short_message: whole }];
  const room = coding === 0 ? 153 : 134;
  const parts: string[] = [''];
  for (const character of text) {
    const last = parts.at(-1) ?? '';
    if (encode(last + character).length <= room) parts[parts.length - 1] = last + character;
    else parts.push(character);
  }
  return parts.map((part, index) => {
    const header = Buffer.from([5, 0, 3, reference % 256, parts.length, index + 1]);
    return { data_coding: coding, esm_class: 0x40, short_message: Buffer.concat([header, encode(part)]) };
  });
}
