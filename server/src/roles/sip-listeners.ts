import { ListenError, type ListenerAddress, type ListenerOptions } from '@ringthrough/sip';
import type { Config } from '../config.ts';

/** Where SIP listens: `sip.listeners`, or else `sip.host` with its ports. */
export function sipListeners({
  host,
  port,
  advertisedHost,
  listeners,
  tls,
}: Config['sip']): ListenerOptions[] {
  if (listeners) return listeners.map(({ advertisedHost: name, ...at }) => ({ ...at, ...named(name) }));
  const where = { host, ...named(advertisedHost) };
  const plain = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, port, ...where }));
  return tls ? [...plain, { protocol: 'tls', port: tls.port, ...where }] : plain;
}

/** The setting that chose the port that cannot be had. */
export function portSetting({ listeners }: Config['sip'], error: unknown): string[] {
  if (listeners) return ['sip', 'listeners'];
  const tls = error instanceof ListenError && error.protocol === 'tls';
  return tls ? ['sip', 'tls', 'port'] : ['sip', 'port'];
}

const named = (advertisedHost: string | undefined) =>
  advertisedHost === undefined ? {} : { advertisedHost };

/** The listener that devices are told of: the first one, over UDP where there is any. */
function foremost(sip: Config['sip'], addresses: readonly ListenerAddress[]): ListenerOptions {
  const all = sipListeners(sip);
  const chosen = all.find(({ protocol }) => protocol === 'udp') ?? all[0];
  if (!chosen) throw new Error('SIP listens nowhere');
  const { protocol, host, port } = chosen;
  const bound = addresses.find((one) => one.protocol === protocol && one.host === host);
  return { ...chosen, port: port === 0 ? (bound?.port ?? 0) : port };
}

/** Where devices register, host:port as they write it. */
export function sipServer({ sip }: Config, addresses: readonly ListenerAddress[]): string {
  const { advertisedHost, host, port } = foremost(sip, addresses);
  return `${bracketed(advertisedHost ?? host)}:${port}`;
}

/** Where something on this machine sends SIP to. */
export function reachableSip(
  { sip }: Config,
  addresses: readonly ListenerAddress[],
): { host: string; port: number } {
  const { host, port } = foremost(sip, addresses);
  const inside: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return { host: bracketed(inside[host] ?? host), port };
}

const bracketed = (host: string): string => (/^[^[].*:/.test(host) ? `[${host}]` : host);
