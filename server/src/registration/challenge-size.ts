import type { SipRequest } from '@ringthrough/sip';

const lineEnd = 2;
const statusLine = 'SIP/2.0 401 Unauthorized'.length + lineEnd;
const contentLength = 'Content-Length: 0'.length + lineEnd;
/** `;tag=` and what the stack puts there. */
const toTag = 17;
/** What a response repeats (RFC 3261 section 8.2.6.2). */
const copied = new Set(['via', 'from', 'to', 'call-id', 'cseq']);

const lineSize = (name: string, value: string): number => name.length + 2 + value.length + lineEnd;

/**
 * Of the challenges those that can be given to a stranger on UDP, whose address may be forged: the 401 with them is at
 * most `ratio` times as large as the request (no amplification). With too little room for all it is the last one that
 * stays: most telephones know it. Undefined when there is no room even for that.
 */
export function challengesThatFit(
  request: SipRequest,
  challenges: readonly string[],
  ratio: number,
): readonly string[] | undefined {
  const { asked, repeated } = sizes(request);
  const room = asked * ratio - repeated;
  for (const some of [challenges, challenges.slice(-1)]) {
    const size = some.reduce((sum, value) => sum + lineSize('WWW-Authenticate', value), 0);
    if (size <= room) return some;
  }
  return undefined;
}

/** Bytes of the request as it came, long header names presumed, and of the 401 without a challenge. */
function sizes({ method, uri, headers, body }: SipRequest): { asked: number; repeated: number } {
  let asked = method.length + uri.length + ' SIP/2.0 '.length + 2 * lineEnd + body.length;
  let repeated = statusLine + contentLength + lineEnd;
  for (const [name, value] of headers.entries()) {
    const size = lineSize(name, value);
    asked += size;
    if (copied.has(name.toLowerCase())) repeated += size;
  }
  // The topmost Via has been completed here (RFC 3581 section 4).
  const via = headers.get('Via') ?? '';
  asked -= (/;received=[^;]*/i.exec(via)?.[0].length ?? 0) + (/;rport(=\d+)/i.exec(via)?.[1]?.length ?? 0);
  if (!/;tag=/i.test(headers.get('To') ?? '')) repeated += toTag;
  return { asked, repeated };
}
