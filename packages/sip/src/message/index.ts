export {
  SipMessageError,
  type SipMessageErrorCode,
  type SipParseError,
  type SipParseErrorCode,
  sipParseError,
} from './errors.ts';
export { formatParams, isToken, quote, splitList, unquote } from './grammar.ts';
export { SipHeaders, type SipHeadersInit } from './headers.ts';
export { defaultSipLimits, type SipLimits } from './limits.ts';
export { type SipMessage, type SipMessageInit, SipRequest, SipResponse } from './message.ts';
export { formatNameAddr, type NameAddr, parseNameAddr } from './name-addr.ts';
export { type ParseResult, parseMessage } from './parse.ts';
export {
  type DiversionEntry,
  type HistoryInfoEntry,
  parseDiversion,
  parseHistoryInfo,
} from './redirection.ts';
export { serializeMessage } from './serialize.ts';
export { StreamFramer, type StreamItem } from './stream-framer.ts';
export { formatHostPort, formatUri, parseUri, type SipUri, telephoneNumber, uriScheme } from './uri.ts';
export { uriEquals } from './uri-equals.ts';
export { magicCookie, validateRequest, validateResponse } from './validate.ts';
export {
  type AuthParams,
  type Contact,
  type CSeq,
  parseAuthParams,
  parseContact,
  parseContacts,
  parseCSeq,
  parseExpires,
  parseIdentities,
  parseReason,
  parseReasons,
  parseSipDate,
  parseValueParams,
  type Reason,
} from './values.ts';
export { formatVia, parseVia, type Via } from './via.ts';
