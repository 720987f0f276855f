import { isIPv4, isIPv6 } from 'node:net';

/** The bytes of an IP address: four, or sixteen for IPv6 in any of its spellings (RFC 4291 section 2.2). */
export function hostBytes(host: string): number[] {
  if (isIPv4(host)) return host.split('.').map(Number);
  const [left = '', right] = host.replace(/%.*$/, '').split('::');
  const head = groupBytes(left);
  if (right === undefined) return head;
  const tail = groupBytes(right);
  return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

/**
 * What one customer has and may choose addresses from freely: an IPv4 address, or the /64 of an IPv6 one (RFC 6177). On a
 * link all neighbours share a /64 (RFC 4291 section 2.5.6), so there it is the address.
 */
export function customerOf(host: string): string {
  if (!isIPv6(host) || /^fe[89ab]/i.test(host)) return host;
  return `${Buffer.from(hostBytes(host).slice(0, 8)).toString('hex')}/64`;
}

function groupBytes(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (isIPv4(group)) return hostBytes(group);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
