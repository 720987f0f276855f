import { SipRequest, type SipResponse } from '../message/index.ts';

/** The ACK for a response of 300 or more, RFC 3261 section 17.1.1.3: same branch, the To tag of the response. */
export function ackForFailure(invite: SipRequest, response: SipResponse): SipRequest {
  const ack = new SipRequest('ACK', invite.uri);
  const via = invite.headers.getAll('Via')[0];
  if (via !== undefined) ack.headers.add('Via', via);
  ack.headers.add('Max-Forwards', '70');
  for (const route of invite.headers.getAll('Route')) ack.headers.add('Route', route);
  ack.headers.add('From', invite.headers.get('From') ?? '');
  ack.headers.add('To', response.headers.get('To') ?? invite.headers.get('To') ?? '');
  ack.headers.add('Call-ID', invite.headers.get('Call-ID') ?? '');
  ack.headers.add('CSeq', `${Number.parseInt(invite.headers.get('CSeq') ?? '0', 10)} ACK`);
  return ack;
}

/** The CANCEL of a request, RFC 3261 section 9.1. Call it before the transaction layer removes the Via. */
export function cancelFor(request: SipRequest): SipRequest {
  const cancel = new SipRequest('CANCEL', request.uri);
  const via = request.headers.getAll('Via')[0];
  if (via !== undefined) cancel.headers.add('Via', via);
  cancel.headers.add('Max-Forwards', '70');
  for (const route of request.headers.getAll('Route')) cancel.headers.add('Route', route);
  for (const name of ['From', 'To', 'Call-ID']) cancel.headers.add(name, request.headers.get(name) ?? '');
  cancel.headers.add('CSeq', `${Number.parseInt(request.headers.get('CSeq') ?? '0', 10)} CANCEL`);
  return cancel;
}
