import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, isIP, isIPv6 } from 'node:net';
import type { Endpoint } from '../transport/types.ts';
import { type DnsReply, dnsQuery, readDnsReply } from './dns-message.ts';
import type { DnsRecords, DnsType } from './records.ts';

/** What the DNS said, and for how long it may be believed. */
export interface DnsAnswer<T extends DnsType = DnsType> {
  records: DnsRecords[T];
  ttlMs: number;
}

/** Asks without remembering. Rejects with a `DnsError`. */
export interface DnsSource {
  ask<T extends DnsType>(name: string, type: T): Promise<DnsAnswer<T>>;
  close(): void;
}

/** Nobody could answer. `code`: `TIMEOUT`, `CLOSED`, `LOOP`, or what the last server said, such as `SERVFAIL`. */
export class DnsError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`DNS: ${code}`);
    this.name = 'DnsError';
    this.code = code;
  }
}

export interface DnsClientOptions {
  /** `address` or `address:port` (`[v6]:port`); absent: those of the system (resolv.conf). */
  servers?: readonly string[] | undefined;
  /** For one server to answer, in milliseconds. */
  timeoutMs: number;
  /** How often each server is asked. */
  attempts: number;
}

const maxAliases = 8;
/** Where nothing says how long "there is none" holds. */
const noSoaMs = 30_000;
const maxTcpBytes = 65_535;

/**
 * A stub resolver, RFC 1034 section 5.3.1: one question each time, over UDP from a port of its own and, where the
 * answer is too large, over TCP. Node's own does not tell how long an SRV or NAPTR record may be kept.
 */
export class DnsClient implements DnsSource {
  readonly #options: DnsClientOptions;
  readonly #open = new Set<(error: DnsError) => void>();
  #closed = false;

  constructor(options: DnsClientOptions) {
    this.#options = options;
  }

  async ask<T extends DnsType>(name: string, type: T): Promise<DnsAnswer<T>> {
    let ttlMs = Number.POSITIVE_INFINITY;
    let owner = name;
    for (let aliases = 0; aliases <= maxAliases; aliases++) {
      const reply = await this.#askServers(owner, type);
      if (reply.kind === 'answer') {
        return { records: reply.records, ttlMs: Math.min(ttlMs, reply.ttlMs ?? noSoaMs) };
      }
      owner = reply.name;
      ttlMs = Math.min(ttlMs, reply.ttlMs);
    }
    throw new DnsError('LOOP');
  }

  close(): void {
    this.#closed = true;
    for (const give of this.#open) give(new DnsError('CLOSED'));
  }

  async #askServers<T extends DnsType>(
    name: string,
    type: T,
  ): Promise<Extract<DnsReply<T>, { kind: 'answer' | 'alias' }>> {
    const servers = (this.#options.servers ?? getServers()).map(endpointOf);
    let code = 'TIMEOUT';
    for (let attempt = 0; attempt < this.#options.attempts; attempt++) {
      for (const server of servers) {
        const reply = await this.#askServer(server, name, type);
        if (reply?.kind === 'answer' || reply?.kind === 'alias') return reply;
        if (reply?.kind === 'failed') code = reply.code;
      }
    }
    throw new DnsError(code);
  }

  async #askServer<T extends DnsType>(server: Endpoint, name: string, type: T) {
    const reply = await this.#exchange<T>(server, { name, type }, overUdp);
    return reply?.kind === 'truncated' ? this.#exchange<T>(server, { name, type }, overTcp) : reply;
  }

  /** One question to one server; undefined when no answer came in time. */
  #exchange<T extends DnsType>(
    server: Endpoint,
    question: { name: string; type: T },
    over: Exchange,
  ): Promise<DnsReply<T> | undefined> {
    if (this.#closed) return Promise.reject(new DnsError('CLOSED'));
    const id = randomInt(0x1_0000);
    return new Promise((resolve, reject) => {
      const end = (result: DnsReply<T> | DnsError | undefined) => {
        if (!this.#open.delete(end)) return;
        clearTimeout(timer);
        stop();
        if (result instanceof DnsError) reject(result);
        else resolve(result);
      };
      const timer = setTimeout(() => end(undefined), this.#options.timeoutMs);
      this.#open.add(end);
      let stop = () => {};
      try {
        stop = over(server, dnsQuery(id, question), {
          message: (bytes) => {
            const reply = readDnsReply(bytes, id, question);
            if (reply) end(reply);
          },
          failed: () => end(undefined),
        });
      } catch {
        // A name that cannot be written into a query has no records.
        end({ kind: 'failed', code: 'FORMERR' });
      }
    });
  }
}

/** Sends a query; returns how to let go of what it took. */
type Exchange = (
  server: Endpoint,
  query: Buffer,
  to: { message(bytes: Buffer): void; failed(): void },
) => () => void;

const overUdp: Exchange = (server, query, { message, failed }) => {
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
  socket.on('error', failed);
  socket.on('message', message);
  // Connected: only this server's datagrams come in, and a port that nobody listens on is known at once. A callback of
  // `connect` would also be called when there is no way to the server.
  socket.once('connect', () => socket.send(query));
  socket.connect(server.port, server.host);
  return () => {
    socket.removeAllListeners('connect');
    socket.close();
  };
};

const overTcp: Exchange = (server, query, { message, failed }) => {
  const socket = connect({ host: server.host, port: server.port });
  let received = Buffer.alloc(0);
  socket.on('connect', () => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    if (received.length > maxTcpBytes + 2) failed();
    else if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0))
      message(received.subarray(2, 2 + received.readUInt16BE(0)));
  });
  socket.on('error', failed);
  socket.on('end', failed);
  return () => socket.destroy();
};

/** `address`, `address:port` or `[v6]:port`. */
function endpointOf(server: string): Endpoint {
  if (isIP(server) !== 0) return { host: server, port: 53 };
  const [, host = server, port = '53'] = /^\[?(.*?)\]?:(\d+)$/.exec(server) ?? [];
  return { host, port: Number(port) };
}
