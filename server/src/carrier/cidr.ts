import { BlockList, isIP, SocketAddress } from 'node:net';

/** An IPv4 address that arrived on an IPv6 socket is the IPv4 address (RFC 4291 section 2.5.5.2). */
export function plainAddress(address: string): string {
  const lower = address.toLowerCase();
  return lower.startsWith('::ffff:') && lower.includes('.') ? lower.slice('::ffff:'.length) : lower;
}

/** An IP address as sockets show it, whatever its spelling (RFC 5952); an IPv4-mapped one is the IPv4 address. */
export function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? plainAddress(new SocketAddress({ address, family: 'ipv6' }).address) : address;
}

/** Addresses of a trunk: one, or a block in the notation of RFC 4632. */
export interface AddressBlock {
  /** Bits that are given; of IPv4 counted as of the IPv4-mapped address, so that blocks of both compare. */
  readonly length: number;
  has(address: string): boolean;
}

/** @param text an IP address, or one with a prefix length, as the configuration has checked */
export function addressBlock(text: string): AddressBlock {
  const [written = '', bits] = text.split('/');
  const mappedBits = bits === undefined ? 128 : Number(bits);
  // A block of IPv4-mapped addresses is one of IPv4, unless there is more in it.
  const address = isIP(written) === 6 && mappedBits >= 96 ? canonicalAddress(written) : written;
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const isMapped = family === 'ipv4' && isIP(written) === 6;
  const given = isMapped ? mappedBits - 96 : bits;
  const prefix = given === undefined ? (family === 'ipv6' ? 128 : 32) : Number(given);
  const block = new BlockList();
  block.addSubnet(address, prefix, family);
  return {
    length: family === 'ipv6' ? prefix : prefix + 96,
    has: (other) => {
      const kind = isIP(other);
      return kind !== 0 && (kind === 6) === (family === 'ipv6') && block.check(other, family);
    },
  };
}
