import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';
import type { Config } from '../config.ts';
import { clientAddress } from './client-address.ts';
import { TokenBuckets } from './rate-limits.ts';

/**
 * Limits of connections, before anything is read or a TLS handshake begins: open ones of one address, and new ones in a
 * minute. The proxies of `http.trustedProxies` are exempt: they bring many clients, and have to limit those themselves.
 */
export class ConnectionLimits {
  readonly #config: Config['http'];
  readonly #isTrusted: (address: string) => boolean;
  readonly #open = new Map<string, number>();
  readonly #opening: TokenBuckets;
  #refused = 0;

  constructor(config: Config['http'], now?: () => number) {
    this.#config = config;
    this.#isTrusted = trustedProxies(config);
    const capacity = config.newConnectionsPerAddressPerMinute;
    this.#opening = new TokenBuckets({ capacity, periodMs: 60_000, ...(now ? { now } : {}) });
  }

  /** Connections that were closed at once, since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Watches over a server, which does not listen yet. */
  protect(server: Server): void {
    server.maxConnections = this.#config.maxConnections;
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on('drop', () => {
      this.#refused += 1;
    });
  }

  #admit(socket: Socket): void {
    const { remoteAddress } = socket;
    // Gone before it was accepted.
    if (remoteAddress === undefined || this.#isTrusted(remoteAddress)) return;
    const address = clientAddress(remoteAddress);
    const open = this.#open.get(address) ?? 0;
    if (open >= this.#config.maxConnectionsPerAddress || !this.#opening.tryTake(address)) {
      this.#refused += 1;
      socket.destroy();
      return;
    }
    this.#open.set(address, open + 1);
    socket.once('close', () => {
      const left = (this.#open.get(address) ?? 1) - 1;
      if (left === 0) this.#open.delete(address);
      else this.#open.set(address, left);
    });
  }
}

/** Whether an address is one of `http.trustedProxies`: IP addresses, networks, `loopback`, `linklocal`, `uniquelocal`. */
export function trustedProxies({ trustedProxies }: Config['http']): (address: string) => boolean {
  if (trustedProxies.length === 0) return () => false;
  const trusts = proxyAddr.compile([...trustedProxies]);
  return (address) => trusts(address, 0);
}
