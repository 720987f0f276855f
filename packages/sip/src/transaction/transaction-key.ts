import { isToken, parseNameAddr, type SipRequest, type Via } from '../message/index.ts';
import { branchCookie } from './ids.ts';

/** Text of a Via branch that follows RFC 3261, or undefined (RFC 2543, or nothing behind the cookie). */
function uniqueBranch(via: Via): string | undefined {
  const branch = via.params.get('branch');
  if (branch === undefined || branch.length <= branchCookie.length) return undefined;
  return branch.startsWith(branchCookie) ? branch : undefined;
}

/** The sent-by of a Via in one spelling; the host is not case sensitive. */
export function sentBy(via: Via): string {
  return `${via.host.toLowerCase()}:${via.port ?? ''}`;
}

/** RFC 3261 section 17.1.3: the branch of the top Via and the method of the CSeq. */
export function clientKey(branch: string, method: string): string {
  return `${branch} ${method}`;
}

/**
 * RFC 3261 section 17.2.3: branch, sent-by and method, where ACK is the INVITE's. Peers of RFC 2543 send no unique
 * branch: then it is the headers named there. `method` asks for another method's transaction (section 9.2: CANCEL).
 */
export function serverKey(request: SipRequest, via: Via, method = request.method): string {
  const name = method === 'ACK' ? 'INVITE' : method;
  const branch = uniqueBranch(via);
  if (branch !== undefined) return `${branch} ${sentBy(via)} ${name}`;
  const { headers } = request;
  const sequence = Number.parseInt(headers.get('CSeq') ?? '', 10);
  // The To tag is left out: the ACK has one where its INVITE has none. Who holds the transaction compares it.
  return `2543 ${request.uri} ${tagOf(headers.get('From')) ?? ''} ${headers.get('Call-ID')} ${sequence} ${sentBy(via)} ${via.params.get('branch') ?? ''} ${name}`;
}

/** Whether requests with this Via are matched by the rules of RFC 2543. */
export const isOldBranch = (via: Via): boolean => uniqueBranch(via) === undefined;

/** The tag of a From or To value. Looked for many times per message, so the usual form is not parsed as a whole. */
export function tagOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const params = value.lastIndexOf('>') + 1;
  const start = value.indexOf(';tag=', params);
  if (start >= 0 && !value.includes('"', params)) {
    const from = start + 5;
    const end = value.indexOf(';', from);
    const tag = end < 0 ? value.slice(from) : value.slice(from, end);
    if (isToken(tag)) return tag;
  }
  if (start < 0 && params === value.length) return undefined;
  return parseNameAddr(value)?.params.get('tag');
}

/** RFC 3261 section 8.2.2.2: equal for the copies of one request that came by several ways. */
export function mergeKey(request: SipRequest): string {
  const { headers } = request;
  return `${headers.get('Call-ID')} ${tagOf(headers.get('From')) ?? ''} ${headers.get('CSeq')}`;
}
