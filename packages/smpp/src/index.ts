export { type BindMode, SmppClient, type SmppClientOptions, type SmppLinkState } from './link/client.ts';
export { type Answer, SmppLinkError, SmppSession, type SmppSessionOptions } from './link/session.ts';
export { FrameReader } from './pdu/frame-reader.ts';
export {
  decodePdu,
  encodePdu,
  maxPduLength,
  numberField,
  octetsField,
  type Pdu,
  type PduFields,
  type PduToSend,
  textField,
} from './pdu/pdu.ts';
export { status, statusName, type Verdict, verdictOf } from './pdu/status.ts';
export { decodeText, decodeUcs2, encodeUcs2 } from './text/coding.ts';
export { decodeGsm7, encodeGsm7 } from './text/gsm7.ts';
export {
  type DeliveryReceipt,
  isReceipt,
  type MessageState,
  messageIdForms,
  readReceipt,
} from './text/receipt.ts';
export { codingOf, type EncodedText, encodeText, maxParts, wholeOf } from './text/segments.ts';
export { type Concatenation, readUserData, sarFields, type UserData, udhFields } from './text/user-data.ts';
