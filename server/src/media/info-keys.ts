import type { SipRequest } from '@ringthrough/sip';

const names: Readonly<Record<string, string>> = {
  '10': '*',
  '11': '#',
  '12': 'A',
  '13': 'B',
  '14': 'C',
  '15': 'D',
};

/**
 * The key of an INFO as telephone exchanges of before RFC 4733 send it: `application/dtmf-relay` with lines such as
 * `Signal=5`, or `application/dtmf` with the key alone. Undefined for any other body.
 */
export function keyOfInfo(request: SipRequest): string | undefined {
  const type = (request.headers.get('Content-Type') ?? '').split(';')[0]?.trim().toLowerCase();
  const text = Buffer.from(request.body).toString('latin1');
  const signal =
    type === 'application/dtmf-relay'
      ? /^\s*signal\s*=\s*(\S+)/im.exec(text)?.[1]
      : type === 'application/dtmf'
        ? text.trim()
        : undefined;
  const key = names[signal ?? ''] ?? signal?.toUpperCase();
  return key !== undefined && /^[0-9*#A-D]$/.test(key) ? key : undefined;
}
