import { isIP } from 'node:net';
import type { SipUri } from '../message/index.ts';
import type { SocketProtocol } from '../transport/types.ts';
import { type Located, type LocateOptions, locate, locateResponse, type Server } from './locate.ts';
import type { DnsRecords, DnsType, Resolver } from './records.ts';

export interface LocatorOptions extends Pick<LocateOptions, 'protocols' | 'families' | 'random'> {
  /** Undefined: host names have addresses (`system`) and nothing else. */
  resolver: Resolver | undefined;
  /** One address as the system finds it, hosts file included; rejects when there is none. */
  system(host: string): Promise<string>;
}

/** NAPTR, then SRV, then addresses; more rounds than that there are not. */
const maxRounds = 4;

/** Finds servers by asking the DNS what `locate` wants to know. */
export class Locator {
  readonly #options: LocatorOptions;
  readonly #askingSystem = new Map<string, Promise<string>>();

  constructor(options: LocatorOptions) {
    this.#options = options;
  }

  /** The servers of a URI in the order to try them; at once where nothing has to be asked. Never rejects. */
  locate(uri: SipUri): Server[] | Promise<Server[]> {
    return this.#run((options) => locate(uri, options));
  }

  /** RFC 3263 section 5. Never rejects. */
  locateResponse(sentBy: {
    protocol: SocketProtocol;
    host: string;
    port: number | undefined;
  }): Server[] | Promise<Server[]> {
    return this.#run((options) => locateResponse(sentBy, options));
  }

  close(): void {
    this.#options.resolver?.close();
  }

  #run(step: (options: LocateOptions) => Located): Server[] | Promise<Server[]> {
    const known = new Map<string, DnsRecords[DnsType]>();
    const { protocols, families, random } = this.#options;
    // Drawn anew for each location, so that weights hold; and once for all its steps, or they would differ.
    const drawn: number[] = [];
    let next = 0;
    const options: LocateOptions = {
      protocols,
      families,
      random: () => {
        drawn[next] ??= random();
        return drawn[next++] ?? 0;
      },
      answers: <T extends DnsType>(name: string, type: T) =>
        known.get(`${type} ${name}`) as DnsRecords[T] | undefined,
    };
    const again = () => {
      next = 0;
      return step(options);
    };
    const first = again();
    return 'servers' in first ? first.servers : this.#ask(first, known, again);
  }

  async #ask(
    first: Located,
    known: Map<string, DnsRecords[DnsType]>,
    step: () => Located,
  ): Promise<Server[]> {
    let located = first;
    for (let round = 0; round < maxRounds && 'ask' in located; round++) {
      const { ask } = located;
      const answers = await Promise.all(ask.map(({ name, type }) => this.#resolve(name, type)));
      for (const [index, { name, type }] of ask.entries()) known.set(`${type} ${name}`, answers[index] ?? []);
      await this.#complete(
        known,
        ask.map(({ name }) => name),
      );
      located = step();
    }
    return 'servers' in located ? located.servers : [];
  }

  /** Who cannot be asked has no records: there may be another way. */
  async #resolve(name: string, type: DnsType): Promise<DnsRecords[DnsType]> {
    if (!this.#asksDns(name)) return [];
    return this.#options.resolver?.resolve(name, type).catch(() => []) ?? [];
  }

  /** A name without a dot is the machine's own affair (hosts file, search list), `localhost` too (RFC 6761). */
  #asksDns(name: string): boolean {
    const host = name.replace(/^_[^.]*\._[^.]*\./, '');
    return host.includes('.') && !host.endsWith('.localhost');
  }

  /** Once at a time: without a network each question holds one of the few threads of the process for seconds. */
  #askSystem(name: string): Promise<string> {
    const under = this.#askingSystem.get(name);
    if (under) return under;
    const asked = this.#options.system(name).finally(() => this.#askingSystem.delete(name));
    this.#askingSystem.set(name, asked);
    return asked;
  }

  /** Names of which the DNS knows no address are asked of the system, as other programs would. */
  async #complete(known: Map<string, DnsRecords[DnsType]>, names: string[]): Promise<void> {
    for (const name of new Set(names)) {
      const [four, six] = [known.get(`A ${name}`), known.get(`AAAA ${name}`)];
      if ((four ?? six) === undefined || [...(four ?? []), ...(six ?? [])].length > 0) continue;
      const address = await this.#askSystem(name).catch(() => '');
      if (isIP(address) === 4 && four) known.set(`A ${name}`, [address]);
      if (isIP(address) === 6 && six) known.set(`AAAA ${name}`, [address]);
    }
  }
}
