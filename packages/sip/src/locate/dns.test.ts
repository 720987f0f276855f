import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { DnsCache } from './dns-cache.ts';
import { type DnsAnswer, DnsClient, type DnsSource } from './dns-client.ts';
import { dnsQuery, readDnsReply } from './dns-message.ts';
import type { DnsType } from './records.ts';

const soa = (ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  name: 'example.com',
  ttl,
  data: { mname: 'ns', rname: 'root', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});

interface Reply extends Partial<Packet> {
  answers?: Answer[];
  authorities?: Answer[];
}

const response = (query: Packet, reply: Reply): Buffer =>
  encode({
    type: 'response',
    ...(query.id === undefined ? {} : { id: query.id }),
    questions: query.questions ?? [],
    ...reply,
  });

describe('a DNS answer', () => {
  const id = 4711;
  const read = (reply: Reply, type: DnsType = 'A') => {
    const question = { name: 'Sip.example.com', type };
    return readDnsReply(response(decode(dnsQuery(id, question)), reply), id, question);
  };
  const a = (name: string, ttl: number, data = '192.0.2.1'): Answer => ({ type: 'A', name, ttl, data });
  const cname = (name: string, ttl: number, data: string): Answer => ({ type: 'CNAME', name, ttl, data });
  const serverFailure = 2;

  it('holds for the smallest of its TTLs', () => {
    const reply = read({ answers: [a('sip.example.com', 60), a('SIP.example.com', 30, '192.0.2.2')] });
    expect(reply).toEqual({ kind: 'answer', records: ['192.0.2.1', '192.0.2.2'], ttlMs: 30_000 });
  });

  it('is found behind aliases, RFC 1034 section 3.6.2', () => {
    const answers = [cname('sip.example.com', 20, 'a.example.com'), a('a.example.com', 60)];
    expect(read({ answers })).toEqual({ kind: 'answer', records: ['192.0.2.1'], ttlMs: 20_000 });
    expect(read({ answers: answers.slice(0, 1) })).toEqual({
      kind: 'alias',
      name: 'a.example.com',
      ttlMs: 20_000,
    });
  });

  it('of aliases in a circle is one more question, which the client counts', () => {
    const answers = [
      cname('sip.example.com', 20, 'a.example.com'),
      cname('a.example.com', 20, 'sip.example.com'),
    ];
    expect(read({ answers })).toMatchObject({ records: [] });
  });

  it('that there is none holds for the smaller of the TTL and the minimum of the SOA, RFC 2308 section 5', () => {
    expect(read({ authorities: [soa(300, 60)] })).toEqual({ kind: 'answer', records: [], ttlMs: 60_000 });
    expect(read({ flags: 3, authorities: [soa(30, 60)] })).toEqual({
      kind: 'answer',
      records: [],
      ttlMs: 30_000,
    });
    expect(read({})).toEqual({ kind: 'answer', records: [], ttlMs: undefined });
  });

  it('of a server that failed is none', () => {
    expect(read({ flags: serverFailure })).toEqual({ kind: 'failed', code: 'SERVFAIL' });
    expect(read({ flags: 0x200 })).toEqual({ kind: 'truncated' });
  });

  it('is believed only with the number and the question of the query, RFC 5452 section 9.1', () => {
    const question = { name: 'sip.example.com', type: 'A' as const };
    const query = decode(dnsQuery(id, question));
    const bytes = response(query, { answers: [a('sip.example.com', 1)] });
    expect(readDnsReply(bytes, id + 1, question)).toBeUndefined();
    expect(readDnsReply(bytes, id, { ...question, name: 'other.example.com' })).toBeUndefined();
    expect(readDnsReply(Buffer.from('SIP/2.0 200 OK'), id, question)).toBeUndefined();
    expect(readDnsReply(Buffer.from(dnsQuery(id, question)), id, question)).toBeUndefined();
  });

  it('has no more records than can be put in order quickly', () => {
    const answers = Array.from({ length: 3_000 }, (_, n) =>
      a('sip.example.com', 60, `192.0.${n >> 8}.${n & 255}`),
    );
    const reply = read({ answers });
    expect(reply?.kind === 'answer' && reply.records.length).toBe(256);
  });

  it('brings SRV and NAPTR records', () => {
    const data = { priority: 1, weight: 2, port: 5060, target: 'A.example.com' };
    expect(read({ answers: [{ type: 'SRV', name: 'sip.example.com', ttl: 5, data }] }, 'SRV')).toEqual({
      kind: 'answer',
      records: [{ ...data, target: 'a.example.com' }],
      ttlMs: 5_000,
    });
    const rule = {
      order: 1,
      preference: 2,
      flags: 's',
      services: 'SIP+D2U',
      regexp: '',
      replacement: '_sip._udp.x',
    };
    expect(
      read({ answers: [{ type: 'NAPTR', name: 'sip.example.com', ttl: 5, data: rule }] }, 'NAPTR'),
    ).toEqual({
      kind: 'answer',
      records: [rule],
      ttlMs: 5_000,
    });
  });
});

describe('the DNS client', () => {
  const closing: Array<() => void> = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  async function udpServer(
    answer: (query: Packet) => Buffer | undefined,
  ): Promise<{ socket: Socket; port: number }> {
    const socket = createSocket('udp4');
    socket.on('message', (bytes, from) => {
      const reply = answer(decode(bytes));
      if (reply) socket.send(reply, from.port, from.address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closing.push(() => socket.close());
    return { socket, port: socket.address().port };
  }

  async function tcpServer(port: number, answer: (query: Packet) => Buffer): Promise<Server> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        const reply = answer(decode(bytes.subarray(2)));
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        // In two pieces, as a large answer comes.
        socket.write(Buffer.concat([length, reply.subarray(0, 5)]));
        setImmediate(() => socket.end(reply.subarray(5)));
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => server.close());
    return server;
  }

  const client = (...ports: number[]): DnsClient => {
    const servers = ports.map((port) => `127.0.0.1:${port}`);
    const made = new DnsClient({ servers, timeoutMs: 10_000, attempts: 1 });
    closing.push(() => made.close());
    return made;
  };
  const address = (data: string) => (query: Packet) =>
    response(query, { answers: [{ type: 'A', name: query.questions?.[0]?.name ?? '', ttl: 7, data }] });

  it('asks over TCP what was truncated', async () => {
    const { port } = await udpServer((query) => response(query, { flags: 0x200 }));
    await tcpServer(port, address('192.0.2.3'));
    expect(await client(port).ask('sip.example.com', 'A')).toEqual({ records: ['192.0.2.3'], ttlMs: 7_000 });
  });

  it('asks the next server when one failed, or nobody is there', async () => {
    const failing = await udpServer((query) => response(query, { flags: 2 }));
    const gone = await udpServer(() => undefined);
    gone.socket.close();
    closing.splice(closing.length - 1, 1);
    const good = await udpServer(address('192.0.2.4'));
    const answer = await client(failing.port, gone.port, good.port).ask('sip.example.com', 'A');
    expect(answer.records).toEqual(['192.0.2.4']);
  });

  it('asks the next server when there is no way to one, such as without a network', async () => {
    const good = await udpServer(address('192.0.2.4'));
    // No socket may connect to the broadcast address.
    const servers = ['255.255.255.255', `127.0.0.1:${good.port}`];
    const made = new DnsClient({ servers, timeoutMs: 10_000, attempts: 1 });
    closing.push(() => made.close());
    expect((await made.ask('sip.example.com', 'A')).records).toEqual(['192.0.2.4']);
    const alone = new DnsClient({ servers: servers.slice(0, 1), timeoutMs: 10_000, attempts: 1 });
    closing.push(() => alone.close());
    await expect(alone.ask('sip.example.com', 'A')).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('follows aliases to other questions, but not for ever', async () => {
    const { port } = await udpServer((query) => {
      const name = query.questions?.[0]?.name ?? '';
      const next = name === 'a.example.com' ? 'b.example.com' : name === 'b.example.com' ? '' : `x${name}`;
      if (next === '') return address('192.0.2.5')(query);
      return response(query, { answers: [{ type: 'CNAME', name, ttl: 3, data: next }] });
    });
    expect(await client(port).ask('a.example.com', 'A')).toEqual({ records: ['192.0.2.5'], ttlMs: 3_000 });
    await expect(client(port).ask('endless.example.com', 'A')).rejects.toMatchObject({ code: 'LOOP' });
  });

  it('fails when nobody knows, and when it is closed', async () => {
    const { port } = await udpServer((query) => response(query, { flags: 5 }));
    await expect(client(port).ask('sip.example.com', 'A')).rejects.toMatchObject({ code: 'REFUSED' });
    const silent = await udpServer(() => undefined);
    const waiting = client(silent.port);
    const asked = waiting.ask('sip.example.com', 'A');
    waiting.close();
    await expect(asked).rejects.toMatchObject({ code: 'CLOSED' });
    const long = `${'a'.repeat(64)}.example.com`;
    await expect(client(port).ask(long, 'A')).rejects.toMatchObject({ code: 'FORMERR' });
  });
});

describe('what is remembered of the DNS', () => {
  class Source implements DnsSource {
    asked: string[] = [];
    reply: () => Promise<DnsAnswer> = async () => ({ records: ['192.0.2.1'], ttlMs: 10_000 });
    ask<T extends DnsType>(name: string): Promise<DnsAnswer<T>> {
      this.asked.push(name);
      return this.reply() as Promise<DnsAnswer<T>>;
    }
    close() {}
  }
  const open = (maxEntries = 10) => {
    const source = new Source();
    const clock = new VirtualClock();
    const cache = new DnsCache({ source, clock, maxEntries, maxTtlMs: 60_000, staleMs: 30_000 });
    return { source, clock, cache };
  };

  it('is kept for its TTL, empty answers too, and asked once at a time', async () => {
    const { source, clock, cache } = open();
    const both = await Promise.all([cache.resolve('a', 'A'), cache.resolve('a', 'A')]);
    expect(both).toEqual([['192.0.2.1'], ['192.0.2.1']]);
    await clock.advance(9_999);
    await cache.resolve('a', 'A');
    expect(source.asked).toEqual(['a']);
    source.reply = async () => ({ records: [], ttlMs: 5_000 });
    await clock.advance(1);
    expect(await cache.resolve('a', 'A')).toEqual([]);
    await clock.advance(4_999);
    expect(await cache.resolve('a', 'A')).toEqual([]);
    expect(source.asked).toEqual(['a', 'a']);
  });

  it('is asked for again after the longest time, whatever the TTL', async () => {
    const { source, clock, cache } = open();
    source.reply = async () => ({ records: [], ttlMs: 1e9 });
    await cache.resolve('a', 'A');
    await clock.advance(60_000);
    await cache.resolve('a', 'A');
    expect(source.asked).toHaveLength(2);
  });

  it('serves while nobody answers, but not for ever (RFC 8767); nobody is asked in a hurry', async () => {
    const { source, clock, cache } = open();
    await cache.resolve('a', 'A');
    source.reply = async () => Promise.reject(new Error('TIMEOUT'));
    await clock.advance(10_000);
    expect(await cache.resolve('a', 'A')).toEqual(['192.0.2.1']);
    expect(await cache.resolve('a', 'A')).toEqual(['192.0.2.1']);
    expect(source.asked).toHaveLength(2);
    await clock.advance(30_001);
    await expect(cache.resolve('a', 'A')).rejects.toThrow('TIMEOUT');
  });

  it('serves at once while nobody answers, after one has waited for that; the next answer counts', async () => {
    const { source, clock, cache } = open();
    await cache.resolve('a', 'A');
    source.reply = async () => Promise.reject(new Error('TIMEOUT'));
    await clock.advance(10_000);
    await cache.resolve('a', 'A');
    let answer = (_answer: DnsAnswer) => {};
    source.reply = () => new Promise((resolve) => (answer = resolve));
    await clock.advance(5_000);
    expect(await cache.resolve('a', 'A')).toEqual(['192.0.2.1']);
    expect(source.asked).toHaveLength(3);
    answer({ records: ['192.0.2.2'], ttlMs: 10_000 });
    await clock.advance(0);
    expect(await cache.resolve('a', 'A')).toEqual(['192.0.2.2']);
  });

  it('is bounded: the answer that was used least recently goes', async () => {
    const { source, cache } = open(2);
    for (const name of ['a', 'b', 'a', 'c']) await cache.resolve(name, 'A');
    expect(cache.size).toBe(2);
    await cache.resolve('a', 'A');
    await cache.resolve('b', 'A');
    expect(source.asked).toEqual(['a', 'b', 'c', 'b']);
  });
});
