import { type SipParseError, sipParseError, withoutStatus } from './errors.ts';
import { parseDecimal } from './grammar.ts';
import type { SipMessage, SipRequest, SipResponse } from './message.ts';
import { parseNameAddr } from './name-addr.ts';
import { parseUri, splitSipUri, uriScheme } from './uri.ts';
import { parseContacts, parseCSeq } from './values.ts';
import { parseVia, type Via } from './via.ts';

/** Header fields of which a message has exactly one (RFC 3261 8.1.1). */
const mandatory = ['From', 'To', 'Call-ID', 'CSeq'] as const;
/** Header fields of which a message has at most one, where a second value would change what we do. */
const atMostOne = ['Max-Forwards', 'Content-Type', 'Expires', 'Event'] as const;

/** Methods of the IANA registry, which need not be those we implement. */
const registeredMethods = new Set(
  'ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE'.split(
    ' ',
  ),
);

/** The start of every RFC 3261 branch (8.1.1.7). */
export const magicCookie = 'z9hG4bK';

/**
 * What every element needs before it may act on a request (RFC 3261 8.1.1, 8.2.2.1, 19.1.1): the mandatory header
 * fields once and well-formed, a CSeq that names the method, a Request-URI we can understand. RFC 2543 requests
 * without branch, From tag, Contact or Max-Forwards pass (RFC 4475 3.4.1). Undefined when all is well.
 * @param topVia the first Via, where it has been read already
 */
export function validateRequest(request: SipRequest, topVia?: Via): SipParseError | undefined {
  return (
    validateCommon(request, topVia) ??
    validateBranch(request, topVia) ??
    validateCSeqMethod(request) ??
    validateRequestUri(request) ??
    validateContacts(request) ??
    validateMaxForwards(request)
  );
}

/** The same for a response; a faulty one is to be discarded, so the error has no status (RFC 4475 3.1.2.5). */
export function validateResponse(response: SipResponse): SipParseError | undefined {
  const error = validateCommon(response);
  return error === undefined ? undefined : withoutStatus(error);
}

function validateCommon({ headers }: SipMessage, topVia?: Via): SipParseError | undefined {
  const vias = headers.getAll('via');
  if (vias.length === 0) return sipParseError('missing-header', 'Via');
  const unread = topVia === undefined ? vias : vias.slice(1);
  if (unread.some((via) => parseVia(via) === undefined)) return sipParseError('bad-header', 'Via');
  for (const name of mandatory) {
    const count = headers.count(name);
    if (count === 0) return sipParseError('missing-header', name);
    if (count > 1) return sipParseError('repeated-header', name);
  }
  for (const name of atMostOne) if (headers.count(name) > 1) return sipParseError('repeated-header', name);
  for (const name of ['From', 'To']) {
    if (!isAddress(headers.get(name)!)) return sipParseError('bad-header', name);
  }
  const callId = headers.get('call-id')!;
  if (callId === '' || /[ \t]/.test(callId)) return sipParseError('bad-header', 'Call-ID');
  return parseCSeq(headers.get('cseq')!) === undefined ? sipParseError('bad-header', 'CSeq') : undefined;
}

/** The messages of a dialog repeat their From and To, so good ones are remembered for a while. */
const goodAddresses = new Set<string>();
const maxGoodAddresses = 512;
const maxGoodAddressLength = 256;

function isAddress(value: string): boolean {
  if (goodAddresses.has(value)) return true;
  const good = isReadableAddress(value);
  if (good && value.length <= maxGoodAddressLength) {
    if (goodAddresses.size >= maxGoodAddresses) goodAddresses.clear();
    goodAddresses.add(value);
  }
  return good;
}

/** A name-addr whose URI is well-formed when it is of a scheme we know; others are opaque (RFC 4475 3.3.4). */
function isReadableAddress(value: string): boolean {
  const address = parseNameAddr(value);
  if (address === undefined) return false;
  if (/^tel:/i.test(address.uri)) return parseUri(address.uri) !== undefined;
  return !/^sips?:/i.test(address.uri) || splitSipUri(address.uri) !== undefined;
}

function isOurScheme(uri: string): boolean {
  return /^(sips?|tel):/i.test(uri);
}

/** A cookie with nothing behind it identifies no transaction (RFC 4475 3.2.1). */
function validateBranch({ headers }: SipRequest, topVia?: Via): SipParseError | undefined {
  const via = topVia ?? parseVia(headers.get('via')!);
  const branch = via?.params.get('branch');
  return branch?.toLowerCase() === magicCookie.toLowerCase() ? sipParseError('bad-branch') : undefined;
}

function validateCSeqMethod({ headers, method }: SipRequest): SipParseError | undefined {
  if (parseCSeq(headers.get('cseq')!)?.method === method) return undefined;
  // RFC 4475 3.1.2.18: for a method nobody knows, 501 tells more than 400.
  return sipParseError(registeredMethods.has(method) ? 'cseq-mismatch' : 'unknown-method');
}

function validateRequestUri({ uri, method, headers }: SipRequest): SipParseError | undefined {
  if (uriScheme(uri) === undefined) return sipParseError('bad-request-uri');
  if (!isOurScheme(uri)) return sipParseError('unsupported-uri-scheme');
  const parsed = parseUri(uri);
  // RFC 3261 19.1.1: no header component in a Request-URI.
  if (parsed === undefined || parsed.headers.size > 0) return sipParseError('bad-request-uri');
  // RFC 3261 10.2: the address-of-record is a SIP or SIPS URI (RFC 4475 3.3.4).
  if (method === 'REGISTER' && !/^sips?:/i.test(parseNameAddr(headers.get('to')!)!.uri)) {
    return sipParseError('bad-header', 'To');
  }
  return undefined;
}

function validateContacts({ headers, method }: SipRequest): SipParseError | undefined {
  if (!headers.has('contact')) return undefined;
  const contacts = parseContacts(headers);
  const wrong = contacts === undefined || (contacts === '*' && method !== 'REGISTER');
  return wrong ? sipParseError('bad-header', 'Contact') : undefined;
}

/** 0 to 255 (RFC 3261 20.22). */
function validateMaxForwards({ headers }: SipRequest): SipParseError | undefined {
  const value = headers.get('max-forwards');
  if (value === undefined || parseDecimal(value, 255) !== undefined) return undefined;
  return sipParseError('bad-header', 'Max-Forwards');
}
