import type { DeadServers, Server } from '../locate/index.ts';
import type { BaseFlow } from './flow.ts';

/** The ways to a target with several servers, one after the other: RFC 3263 section 4.3. */
export class Ways {
  readonly #left: Server[];
  readonly #dead: DeadServers;
  readonly #open: (server: Server) => BaseFlow;
  #current: Server | undefined;

  /** @param servers in the order to try them */
  constructor(servers: Server[], options: { dead: DeadServers; open: (server: Server) => BaseFlow }) {
    this.#left = [...servers];
    this.#dead = options.dead;
    this.#open = options.open;
  }

  /** Whether there is another way after this one. */
  get more(): boolean {
    return this.#left.length > 0;
  }

  /**
   * The flow to the next server that can be called at all.
   * @throws what was wrong with the last one when none is left
   */
  next(): BaseFlow {
    let problem: unknown = new Error('no server is left');
    for (let server = this.#left.shift(); server; server = this.#left.shift()) {
      try {
        this.#current = server;
        return this.#open(server);
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }

  /** This server failed: others go before it for so long. */
  failed(forMs: number): void {
    if (this.#current) this.#dead.add(this.#current, forMs);
  }

  /** This server is there. */
  answered(): void {
    if (this.#current) this.#dead.delete(this.#current);
  }
}

/** A flow, or several to try; a promise only where the DNS has to be asked. */
export type Route = BaseFlow | Ways | Promise<BaseFlow | Ways>;

/** The first flow of a route; throws (or rejects) when there is none. */
export function firstFlow(route: Route): BaseFlow | Promise<BaseFlow> {
  if (route instanceof Promise) return route.then((way) => (way instanceof Ways ? way.next() : way));
  return route instanceof Ways ? route.next() : route;
}
