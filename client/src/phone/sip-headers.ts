/** The little of SIP that the client reads by itself; the rest is JsSIP's. */

/** The cause of a `SIP` Reason header value (RFC 3326), or undefined. */
export function reasonCause(value: string | undefined): number | undefined {
  const match = /(?:^|,)\s*SIP\s*;[^,]*?\bcause\s*=\s*(\d{3})/i.exec(value ?? '');
  return match ? Number(match[1]) : undefined;
}

/** The E.164 number in a name-addr or address, or undefined when it is anonymous or no number. */
export function numberOf(value: string | undefined): string | undefined {
  return /(?:sips?|tel):(\+\d{3,15})(?=[@;>\s]|$)/i.exec(value ?? '')?.[1];
}

/**
 * Leaves of several digest challenges the one that JsSIP can answer. RFC 8760 lets a server offer SHA-256 first
 * and MD5 after it, the client taking the first it knows; JsSIP looks at the first alone and knows MD5.
 */
export function keepMd5Challenge(message: string): string {
  if (!/^SIP\/2\.0 40[17] /.test(message)) return message;
  const challenge = /^(?:WWW|Proxy)-Authenticate\s*:/i;
  const end = message.indexOf('\r\n\r\n');
  const head = message.slice(0, end < 0 ? message.length : end).split('\r\n');
  const usable = (line: string) => !/algorithm\s*=\s*"?(?!MD5\b)[\w-]+/i.test(line);
  if (!head.some((line) => challenge.test(line) && usable(line))) return message;
  const kept = head.filter((line) => !challenge.test(line) || usable(line));
  return kept.join('\r\n') + (end < 0 ? '' : message.slice(end));
}
