import { ListenError } from '../errors.ts';
import type {
  DatagramHandlers,
  DatagramSocket,
  Network,
  StreamListener,
  StreamSocket,
} from '../transport/network.ts';
import type { Clock, Endpoint } from '../transport/types.ts';
import { MemoryStream } from './memory-stream.ts';
import { MemoryWebSocket } from './memory-web-socket.ts';
import { seededRandom } from './random.ts';

/** How the network treats packets. May be changed while a test runs. */
export interface Conditions {
  /** One-way delay in ms, evenly spread; a wide spread reorders datagrams. */
  delayMs: [least: number, most: number];
  /** Share of datagrams lost, 0 to 1. */
  loss: number;
  /** Share of datagrams that arrive twice. */
  duplicate: number;
}

/** One packet that was sent, for drawing what happened. */
export interface TracedPacket {
  at: number;
  from: Endpoint;
  to: Endpoint;
  fate: 'delivered' | 'lost' | 'duplicated' | 'unreachable';
  bytes: Uint8Array;
}

const perfect: Conditions = { delayMs: [1, 1], loss: 0, duplicate: 0 };

/**
 * A network in memory: UDP that loses, doubles and reorders, TCP and WebSocket that only delay. One seed makes one
 * course of events. Give `host(ip)` to a `SipStack` as its `network`, and the same clock.
 */
export class MemoryNetwork {
  readonly clock: Clock;
  conditions: Conditions;
  /** Every datagram, in order of sending; only while `tracing`. */
  readonly trace: TracedPacket[] = [];
  tracing = false;
  /** Looks at each datagram before it is sent; false loses it. */
  filter: ((packet: { from: Endpoint; to: Endpoint; bytes: Uint8Array }) => boolean) | undefined;
  readonly #random: () => number;
  readonly #datagrams = new Map<string, DatagramHandlers>();
  readonly #listeners = new Map<string, (socket: StreamSocket) => void>();
  readonly #names = new Map<string, string>();
  readonly #cut = new Set<string>();
  #nextPort = 40_000;

  constructor(options: { clock: Clock; seed?: number; conditions?: Partial<Conditions> }) {
    this.clock = options.clock;
    this.conditions = { ...perfect, ...options.conditions };
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** The sockets of one machine. */
  host(ip: string): Network {
    return {
      bindUdp: async (at, handlers) => this.#bindUdp(at, handlers),
      listenTcp: async (at, accept) => this.#listenTcp(at, accept),
      // Without its cryptography: what differs for the stack is the listener and what Via and Contact say.
      listenTls: async (at, _options, accept) => ({ ...this.#listenTcp(at, accept), setCredentials() {} }),
      connectTls: (to) => this.#connectTcp({ host: ip, port: this.#nextPort++ }, to),
      connectTcp: (to) => this.#connectTcp({ host: ip, port: this.#nextPort++ }, to),
      resolve: async (name) => {
        const address = this.#names.get(name);
        if (address === undefined) throw new Error(`no such host: ${name}`);
        return address;
      },
    };
  }

  /** Makes a host name known. */
  name(host: string, ip: string): void {
    this.#names.set(host, ip);
  }

  /** Nothing passes to and from this machine any more, and nobody is told; `mend` undoes it. */
  cut(ip: string): void {
    this.#cut.add(ip);
  }

  mend(ip: string): void {
    this.#cut.delete(ip);
  }

  /** Two ends of one WebSocket between two machines, open already. */
  webSocket(client: string, server: string): { client: MemoryWebSocket; server: MemoryWebSocket } {
    const link = {
      delay: () => this.#delay(),
      clock: this.clock,
      passes: () => this.#passes(client, server),
    };
    return MemoryWebSocket.pair(link);
  }

  #bindUdp(at: Endpoint, handlers: DatagramHandlers): DatagramSocket {
    const local = { host: at.host, port: at.port || this.#nextPort++ };
    const key = keyOf(local);
    if (this.#datagrams.has(key)) throw new ListenError({ protocol: 'udp', ...local }, 'EADDRINUSE');
    this.#datagrams.set(key, handlers);
    return {
      local,
      send: (bytes, to) => this.#datagram(local, to, bytes),
      close: async () => {
        this.#datagrams.delete(key);
      },
    };
  }

  #datagram(from: Endpoint, to: Endpoint, sent: Uint8Array): void {
    const bytes = Uint8Array.from(sent);
    const wanted = this.filter?.({ from, to, bytes }) ?? true;
    const lost = !wanted || this.#random() < this.conditions.loss || !this.#passes(from.host, to.host);
    const duplicated = !lost && this.#random() < this.conditions.duplicate;
    if (this.tracing) {
      const fate = lost
        ? 'lost'
        : duplicated
          ? 'duplicated'
          : this.#datagrams.has(keyOf(to))
            ? 'delivered'
            : 'unreachable';
      this.trace.push({ at: this.clock.now(), from, to, fate, bytes });
    }
    if (lost) return;
    for (let copies = duplicated ? 2 : 1; copies > 0; copies--) {
      this.clock.setTimeout(() => {
        if (this.#passes(from.host, to.host))
          this.#datagrams.get(keyOf(to))?.message(Uint8Array.from(bytes), from);
      }, this.#delay());
    }
  }

  #listenTcp(at: Endpoint, accept: (socket: StreamSocket) => void): StreamListener {
    const local = { host: at.host, port: at.port || this.#nextPort++ };
    const key = keyOf(local);
    if (this.#listeners.has(key)) throw new ListenError({ protocol: 'tcp', ...local }, 'EADDRINUSE');
    this.#listeners.set(key, accept);
    return {
      local,
      close: async () => {
        this.#listeners.delete(key);
      },
    };
  }

  #connectTcp(from: Endpoint, to: Endpoint): StreamSocket {
    const link = {
      delay: () => this.#delay(),
      random: this.#random,
      clock: this.clock,
      passes: () => this.#passes(from.host, to.host),
    };
    return MemoryStream.connect(link, { from, to }, () => this.#listeners.get(keyOf(to)));
  }

  #passes(a: string, b: string): boolean {
    return !this.#cut.has(a) && !this.#cut.has(b);
  }

  #delay(): number {
    const [least, most] = this.conditions.delayMs;
    return Math.round(least + this.#random() * (most - least));
  }
}

const keyOf = ({ host, port }: Endpoint): string => `${host} ${port}`;
