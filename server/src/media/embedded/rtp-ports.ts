import { createSocket, type Socket } from 'node:dgram';
import { MediaError } from '../media-plane.ts';

/** Two bound sockets: RTP on an even port, RTCP on the next one (RFC 3550 section 11). */
export interface PortPair {
  port: number;
  rtp: Socket;
  rtcp: Socket;
  /** Gives the ports back. Idempotent. */
  release(): Promise<void>;
}

/** How many pairs there may be when the system chooses the ports. */
const SYSTEM_PAIRS = 500;
const SYSTEM_ATTEMPTS = 50;

/** Opening and closing four sockets is half of what a short call costs: so many pairs stay open for the next one. */
const MAX_IDLE = 1024;
/** Before that, a pair rests, so that late packets meet no new leg. */
const REST_MS = 500;

interface IdlePair {
  port: number;
  sockets: [Socket, Socket];
  since: number;
}

/**
 * The port pairs of plain RTP legs. The one unused for longest is taken first, so late packets meet no new leg. Those
 * used last stay bound.
 */
export class RtpPorts {
  readonly #host: string;
  readonly #free: number[] = [];
  readonly #idle: IdlePair[] = [];
  #systemFree = 0;
  #closed = false;

  /** `{ min: 0, max: 0 }`: any ports the system has. */
  constructor(host: string, range: { min: number; max: number }) {
    this.#host = host;
    if (range.max === 0) this.#systemFree = SYSTEM_PAIRS;
    for (let port = range.min + (range.min % 2); port > 0 && port < range.max; port += 2)
      this.#free.push(port);
  }

  /** Single ports not in use by a leg: two for each leg that could still be opened. */
  get portsFree(): number {
    return 2 * (this.#free.length + this.#idle.length + this.#systemFree);
  }

  /** Closes what is kept open; pairs in use close when they are released. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).flatMap(({ sockets }) => sockets.map(closed)));
  }

  /** @throws MediaError `no-free-port` */
  async take(): Promise<PortPair> {
    const pair = this.#systemFree > 0 ? await this.#takeAny() : await this.#takeNext();
    if (!pair) throw new MediaError('no-free-port', 'every RTP port of media.rtpPorts is in use');
    return pair;
  }

  async #takeNext(): Promise<PortPair | undefined> {
    const rested = this.#idle[0];
    const now = performance.now();
    if (rested && (now - rested.since >= REST_MS || this.#free.length === 0)) return this.#takeIdle();
    for (let attempts = this.#free.length; attempts > 0; attempts--) {
      const port = this.#free.shift();
      if (port === undefined) return undefined;
      const sockets = await bindPair(this.#host, port);
      if (sockets) return this.#pair(port, sockets);
      // Another program has it; it may give it back.
      this.#free.push(port);
    }
    return this.#takeIdle();
  }

  #takeIdle(): PortPair | undefined {
    const idle = this.#idle.shift();
    return idle && this.#pair(idle.port, idle.sockets);
  }

  #pair(port: number, sockets: [Socket, Socket]): PortPair {
    return pairOf(port, sockets, async () => {
      if (!this.#closed && this.#idle.length < MAX_IDLE) {
        for (const socket of sockets) socket.removeAllListeners('message');
        this.#idle.push({ port, sockets, since: performance.now() });
        return;
      }
      await Promise.all(sockets.map(closed));
      this.#free.push(port);
    });
  }

  async #takeAny(): Promise<PortPair | undefined> {
    this.#systemFree--;
    for (let attempt = 0; attempt < SYSTEM_ATTEMPTS; attempt++) {
      const first = await bind(this.#host, 0);
      if (!first) break;
      const { port } = first.address();
      const second = port % 2 === 0 ? await bind(this.#host, port + 1) : undefined;
      if (second) {
        return pairOf(port, [first, second], async () => {
          await Promise.all([closed(first), closed(second)]);
          this.#systemFree++;
        });
      }
      await closed(first);
    }
    this.#systemFree++;
    return undefined;
  }
}

async function bindPair(host: string, port: number): Promise<[Socket, Socket] | undefined> {
  const rtp = await bind(host, port);
  if (!rtp) return undefined;
  const rtcp = await bind(host, port + 1);
  if (rtcp) return [rtp, rtcp];
  await closed(rtp);
  return undefined;
}

function bind(host: string, port: number): Promise<Socket | undefined> {
  // Destinations are addresses already; Node's default lookup costs a turn of the event loop per packet.
  const socket = createSocket({
    type: 'udp4',
    lookup: (name, _options, callback) => callback(null, name, 4),
  });
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind({ address: host, port }, () => {
      socket.removeAllListeners('error');
      // An unreachable peer is seen by its silence, not by this.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

function pairOf(port: number, [rtp, rtcp]: [Socket, Socket], giveBack: () => Promise<void>): PortPair {
  let releasing: Promise<void> | undefined;
  return {
    port,
    rtp,
    rtcp,
    release: () => {
      releasing ??= giveBack();
      return releasing;
    },
  };
}
