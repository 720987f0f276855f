import { DnsCache, DnsClient, Locator } from '../locate/index.ts';
import type { Network } from '../transport/network.ts';
import type { Clock, SocketProtocol } from '../transport/types.ts';
import type { SipStackOptions } from './types.ts';

/** How a stack with these listeners locates servers: over what it can send, asking the DNS as its options say. */
export function createLocator(options: SipStackOptions, network: Network, clock: Clock): Locator {
  const { listeners, dns = {} } = options;
  const protocols: SocketProtocol[] = ['tcp', 'tls'];
  if (listeners.some(({ protocol }) => protocol === 'udp')) protocols.unshift('udp');
  const families = new Set(listeners.map(({ host }) => familyOf(host)));
  const udpFamilies = new Set(
    listeners.filter(({ protocol }) => protocol === 'udp').map(({ host }) => familyOf(host)),
  );
  const timing = { timeoutMs: dns.timeoutMs ?? 2_000, attempts: dns.attempts ?? 2 };
  const kept = { maxEntries: dns.maxEntries ?? 5_000, maxTtlMs: dns.maxTtlMs ?? 86_400_000 };
  const source = () => new DnsClient({ servers: dns.servers, ...timing });
  const cache = () => new DnsCache({ source: source(), clock, ...kept, staleMs: dns.staleMs ?? 3_600_000 });
  return new Locator({
    protocols,
    // A connection needs no listener of its family, a datagram does.
    families: (protocol) => [...(protocol === 'udp' ? udpFamilies : new Set([...families, 4, 6] as const))],
    random: Math.random,
    // A network of a test has its own names.
    resolver: options.network && !options.resolver ? undefined : (options.resolver ?? cache()),
    system: (host) => network.resolve(host),
  });
}

const familyOf = (host: string): 4 | 6 => (host.includes(':') ? 6 : 4);
