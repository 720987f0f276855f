import { isIP } from 'node:net';
import type { Flow } from '@ringthrough/sip';

/** An edge proxy of ours: devices register through it, and are called through it. */
export interface EdgeProxy {
  /** IP address that its requests come from. */
  host: string;
  /** And the port, over UDP; any where it is not given. */
  port?: number | undefined;
}

/** The proxies whose word on how a device is reached is believed (RFC 3327 section 6). */
export class EdgeProxies {
  readonly #ports = new Map<string, Set<number> | 'any'>();

  constructor(proxies: readonly EdgeProxy[]) {
    for (const { host, port } of proxies) {
      const key = canonical(host);
      const known = this.#ports.get(key);
      if (port === undefined || known === 'any') this.#ports.set(key, 'any');
      else this.#ports.set(key, (known ?? new Set<number>()).add(port));
    }
  }

  /** A connection that a proxy opens comes from any port. */
  has({ protocol, remote }: Pick<Flow, 'protocol' | 'remote'>): boolean {
    if (this.#ports.size === 0 || protocol === 'ws') return false;
    const ports = this.#ports.get(canonical(remote.host));
    return ports === 'any' || (ports !== undefined && (protocol !== 'udp' || ports.has(remote.port)));
  }
}

/** IPv6 has many spellings; sockets of both families show IPv4 within IPv6. */
function canonical(host: string): string {
  if (isIP(host) !== 6) return host;
  const name = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(name);
  if (!mapped) return name;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
