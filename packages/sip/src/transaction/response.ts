import { type SipRequest, SipResponse } from '../message/index.ts';
import { tagOf } from './transaction-key.ts';

/** The default reason phrases of the IANA registry. */
const phrases: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  181: 'Call Is Being Forwarded',
  182: 'Queued',
  183: 'Session Progress',
  199: 'Early Dialog Terminated',
  200: 'OK',
  202: 'Accepted',
  204: 'No Notification',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  305: 'Use Proxy',
  380: 'Alternative Service',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  410: 'Gone',
  412: 'Conditional Request Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  421: 'Extension Required',
  422: 'Session Interval Too Small',
  423: 'Interval Too Brief',
  428: 'Use Identity Header',
  430: 'Flow Failed',
  433: 'Anonymity Disallowed',
  436: 'Bad Identity Info',
  439: 'First Hop Lacks Outbound Support',
  440: 'Max-Breadth Exceeded',
  469: 'Bad Info Package',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  484: 'Address Incomplete',
  485: 'Ambiguous',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  489: 'Bad Event',
  491: 'Request Pending',
  493: 'Undecipherable',
  494: 'Security Agreement Required',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Server Time-out',
  505: 'Version Not Supported',
  513: 'Message Too Large',
  580: 'Precondition Failure',
  600: 'Busy Everywhere',
  603: 'Decline',
  604: 'Does Not Exist Anywhere',
  606: 'Not Acceptable',
  607: 'Unwanted',
  608: 'Rejected',
};

const classes = ['', 'Progress', 'OK', 'Redirection', 'Request Failure', 'Server Failure', 'Global Failure'];

/** The usual reason phrase of a status code. */
export function reasonPhrase(status: number): string {
  return phrases[status] ?? classes[Math.floor(status / 100)] ?? 'Unknown';
}

/**
 * A response with the headers that RFC 3261 section 8.2.6.2 copies from the request. `toTag` is added to To unless
 * the request had one (100 needs none). Record-Route is for whoever makes a dialog, section 12.1.1.
 */
export function responseTo(
  request: SipRequest,
  status: number,
  toTag?: string,
  reason?: string,
): SipResponse {
  const response = new SipResponse(status, reason ?? reasonPhrase(status));
  const from = request.headers;
  const { headers } = response;
  for (const via of from.getAll('Via')) headers.add('Via', via);
  headers.add('From', from.get('From') ?? '');
  const to = from.get('To') ?? '';
  headers.add('To', toTag === undefined || tagOf(to) !== undefined ? to : `${to};tag=${toTag}`);
  headers.add('Call-ID', from.get('Call-ID') ?? '');
  headers.add('CSeq', from.get('CSeq') ?? '');
  if (status === 100) {
    // Section 8.2.6.1: the sender measures the round trip by it.
    const timestamp = from.get('Timestamp');
    if (timestamp !== undefined) headers.add('Timestamp', timestamp);
  }
  return response;
}
