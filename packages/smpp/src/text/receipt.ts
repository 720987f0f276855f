import { numberField, type Pdu, textField } from '../pdu/pdu.ts';
import { decodeText } from './coding.ts';
import { readUserData } from './user-data.ts';

/** SMPP 3.4 section 5.2.28. */
export type MessageState =
  | 'enroute'
  | 'delivered'
  | 'expired'
  | 'deleted'
  | 'undeliverable'
  | 'accepted'
  | 'unknown'
  | 'rejected';

/** What became of a message. */
export interface DeliveryReceipt {
  /** As the SMS centre writes it here; see `messageIdForms`. */
  messageId: string;
  state: MessageState;
  /** Of the network, in its own words; absent without an error. */
  error?: string;
}

const messageStates: readonly (MessageState | undefined)[] = [
  undefined,
  'enroute',
  'delivered',
  'expired',
  'deleted',
  'undeliverable',
  'accepted',
  'unknown',
  'rejected',
];

const statesByWord: Readonly<Record<string, MessageState>> = {
  ENROUTE: 'enroute',
  DELIVRD: 'delivered',
  EXPIRED: 'expired',
  DELETED: 'deleted',
  UNDELIV: 'undeliverable',
  ACCEPTD: 'accepted',
  UNKNOWN: 'unknown',
  REJECTD: 'rejected',
};

/** Is it about a message of ours, and none of a person? (esm_class bits 5 to 2, SMPP 3.4 section 5.2.12) */
export function isReceipt(pdu: Pdu): boolean {
  const type = numberField(pdu, 'esm_class') & 0x3c;
  return type === 0x04 || type === 0x20;
}

/**
 * Reads a receipt from its parameters, and from its text (SMPP 3.4 appendix B) what they do not say.
 * @returns `undefined` when it does not say which message it is about
 */
export function readReceipt(pdu: Pdu): DeliveryReceipt | undefined {
  const { coding, payload } = readUserData(pdu);
  const text = decodeText(coding, payload);
  const word = (name: RegExp) => name.exec(text)?.[1];
  const messageId = textField(pdu, 'receipted_message_id') || word(/\bid:\s*([^\s]+)/i);
  if (!messageId) return undefined;
  const said = word(/\bstat:\s*([A-Z]+)/i)?.toUpperCase() ?? '';
  const state = messageStates[numberField(pdu, 'message_state')] ?? statesByWord[said] ?? 'unknown';
  const error = word(/\berr:\s*([^\s]+)/i);
  return { messageId, state, ...(error && !/^0+$/.test(error) ? { error } : {}) };
}

/**
 * The forms in which one message id may be written: SMS centres give it in hexadecimal in submit_sm_resp and in decimal in
 * the receipt, or the other way round, with leading zeros or without. The id itself is the first one.
 */
export function messageIdForms(id: string): string[] {
  const forms = new Set([id, id.toUpperCase(), id.toLowerCase()]);
  const add = (value: bigint, radix: 10 | 16) => {
    const digits = value.toString(radix);
    for (const form of [
      digits,
      digits.toUpperCase(),
      digits.padStart(8, '0'),
      digits.toUpperCase().padStart(8, '0'),
    ])
      forms.add(form);
  };
  if (/^\d{1,32}$/.test(id)) {
    add(BigInt(id), 10);
    add(BigInt(id), 16);
  }
  if (/^[\da-f]{1,32}$/i.test(id)) {
    add(BigInt(`0x${id}`), 16);
    add(BigInt(`0x${id}`), 10);
  }
  return [...forms];
}
