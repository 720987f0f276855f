import { hostPort } from '../transport/flow.ts';
import type { Clock } from '../transport/types.ts';
import type { Server } from './locate.ts';

const maxServers = 1_000;

/** RFC 3263 section 4.3: servers that failed lately, and for how long they are not the first to be tried. */
export class DeadServers {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #until = new Map<string, number>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  add(server: Server, forMs: number): void {
    const key = keyOf(server);
    this.#until.delete(key);
    this.#until.set(key, this.#clock.now() + forMs);
    const [oldest] = this.#until.keys();
    if (this.#until.size > maxServers && oldest !== undefined) this.#until.delete(oldest);
  }

  /** It has answered. */
  delete(server: Server): void {
    if (this.#until.size > 0) this.#until.delete(keyOf(server));
  }

  has(server: Server): boolean {
    return (this.#until.get(keyOf(server)) ?? 0) > this.#clock.now();
  }

  /** The living first, then the dead, each in their order: where all are dead, any may have come back. */
  last(servers: Server[]): Server[] {
    if (this.#until.size === 0) return servers;
    return [...servers.filter((one) => !this.has(one)), ...servers.filter((one) => this.has(one))];
  }
}

const keyOf = (server: Server): string => `${server.protocol} ${hostPort(server)}`;
