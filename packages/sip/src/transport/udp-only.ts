import { hostPort } from './flow.ts';
import type { Clock, Endpoint } from './types.ts';

const rememberMs = 600_000;
const maxPeers = 1_000;

/** Peers that took no TCP connection lately, so that not every large request to them waits for one. */
export class UdpOnly {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(peer: Endpoint): void {
    const key = hostPort(peer);
    this.#until.delete(key);
    this.#until.set(key, this.#clock.now() + rememberMs);
    const [oldest] = this.#until.keys();
    if (this.#until.size > maxPeers && oldest !== undefined) this.#until.delete(oldest);
  }

  has(peer: Endpoint): boolean {
    const until = this.#until.get(hostPort(peer));
    return until !== undefined && until > this.#clock.now();
  }
}
