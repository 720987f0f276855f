import { describe, expect, it } from 'vitest';
import { createCertificate } from './certificate.ts';
import { type DtlsOutput, DtlsSession } from './dtls-session.ts';

const certificates = { client: createCertificate(), server: createCertificate(), other: createCertificate() };

type Side = 'client' | 'server';

/** Two sessions over a network in memory, with virtual time. `tamper` returns what really arrives. */
class Pair {
  now = 0;
  readonly sessions: Record<Side, DtlsSession>;
  readonly outputs: Record<Side, DtlsOutput[]> = { client: [], server: [] };
  readonly #queue: Array<{ to: Side; data: Buffer }> = [];
  tamper: (data: Buffer, to: Side) => Buffer[] = (data) => [data];

  constructor(trust: Partial<Record<Side, typeof certificates.client>> = {}) {
    const session = (role: Side, peer: Side) =>
      new DtlsSession({
        role,
        certificate: certificates[role],
        remoteFingerprints: [(trust[role] ?? certificates[peer]).fingerprint],
      });
    this.sessions = { client: session('client', 'server'), server: session('server', 'client') };
  }

  handle(side: Side, outputs: DtlsOutput[]): void {
    this.outputs[side].push(...outputs);
    const to = side === 'client' ? 'server' : 'client';
    for (const output of outputs) {
      if (output.type === 'send')
        for (const data of this.tamper(output.data, to)) this.#queue.push({ to, data });
    }
  }

  start(): this {
    this.handle('server', this.sessions.server.start(this.now));
    this.handle('client', this.sessions.client.start(this.now));
    return this;
  }

  /** Until nothing is under way and no timer is armed, or the time is over. */
  run(forMs = 60_000): this {
    const end = this.now + forMs;
    while (this.now <= end) {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        this.handle(next.to, this.sessions[next.to].receive(next.data, this.now));
      }
      const due = (['client', 'server'] as const).flatMap((side) => this.sessions[side].nextTimeoutAt ?? []);
      if (due.length === 0) break;
      this.now = Math.min(...due);
      for (const side of ['client', 'server'] as const) {
        this.handle(side, this.sessions[side].handleTimeout(this.now));
      }
    }
    return this;
  }

  result(side: Side): DtlsOutput | undefined {
    return this.outputs[side].find((output) => output.type !== 'send');
  }

  expectConnected(): void {
    const [client, server] = [this.result('client'), this.result('server')];
    if (client?.type !== 'connected' || server?.type !== 'connected') {
      throw new Error(`not connected: ${JSON.stringify([client, server])}`);
    }
    expect(client.srtp.local).toEqual(server.srtp.remote);
    expect(client.srtp.remote).toEqual(server.srtp.local);
    expect(client.srtp.local.key).not.toEqual(client.srtp.remote.key);
  }
}

describe('DtlsSession', () => {
  it('connects and both ends export the same SRTP keys, without a retransmission', () => {
    const pair = new Pair().start().run();
    pair.expectConnected();
    expect(pair.now).toBe(0);
    expect([pair.sessions.client.nextTimeoutAt, pair.sessions.server.nextTimeoutAt]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('connects whichever datagram is lost', () => {
    for (let lost = 0; lost < 8; lost++) {
      const pair = new Pair();
      let count = 0;
      pair.tamper = (data) => (count++ === lost ? [] : [data]);
      pair.start().run().expectConnected();
    }
  });

  it('connects when every datagram comes twice, and when a third of them are lost', () => {
    const twice = new Pair();
    twice.tamper = (data) => [data, data];
    twice.start().run().expectConnected();
    for (let run = 1; run <= 20; run++) {
      const lossy = new Pair();
      let seed = run;
      lossy.tamper = (data) => {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        return seed % 1000 < 333 ? [] : [data];
      };
      lossy.start().run().expectConnected();
    }
  });

  it.each(['client', 'server'] as const)('the %s refuses a certificate with another fingerprint', (side) => {
    const pair = new Pair({ [side]: certificates.other }).start().run();
    expect(pair.result(side)).toMatchObject({ type: 'failed', reason: 'bad_certificate' });
    const peer = side === 'client' ? 'server' : 'client';
    expect(pair.result(peer)).toMatchObject({ type: 'failed', reason: 'peer-alert' });
  });

  it.each(['client', 'server'] as const)(
    'refuses a %s that shows the right certificate without its key',
    (side) => {
      const peer = side === 'client' ? 'server' : 'client';
      const pair = new Pair();
      const thief = { ...certificates[side], privateKey: certificates.other.privateKey };
      pair.sessions[side] = new DtlsSession({
        role: side,
        certificate: thief,
        remoteFingerprints: [certificates[peer].fingerprint],
      });
      pair.start().run();
      expect(pair.result(peer)).toMatchObject({ type: 'failed', reason: 'decrypt_error' });
    },
  );

  it('fails or connects, and never throws, when a byte of the handshake is changed', () => {
    for (let at = 0; at < 1500; at += 13) {
      const pair = new Pair();
      let offset = at;
      pair.tamper = (data) => {
        const copy = Buffer.from(data);
        if (offset >= 0 && offset < copy.length) copy[offset]! ^= 0x20;
        offset -= copy.length;
        return [copy];
      };
      pair.start().run();
      const ends = [pair.result('client'), pair.result('server')];
      expect(ends.every((end) => end !== undefined)).toBe(true);
      if (ends.every((end) => end!.type === 'connected')) pair.expectConnected();
    }
  });

  it('gives up after the handshake time when the peer never answers', () => {
    const pair = new Pair();
    pair.tamper = () => [];
    pair.start().run();
    expect(pair.result('client')).toMatchObject({ type: 'failed', reason: 'timeout' });
    expect(pair.now).toBe(20_000);
  });

  it('tells the peer when it closes, and believes no alert in clear once connected', () => {
    const pair = new Pair().start().run();
    const forged = Buffer.from('15fefd000000000000ff000200020228', 'hex');
    expect(pair.sessions.server.receive(forged.subarray(0, 15), pair.now)).toEqual([]);
    expect(pair.sessions.server.state).toBe('connected');
    pair.handle('client', pair.sessions.client.close());
    pair.run();
    expect(pair.sessions.server.state).toBe('closed');
    expect(pair.sessions.client.close()).toEqual([]);
  });

  it('bounds what a peer can make it hold', () => {
    const session = new DtlsSession({
      role: 'server',
      certificate: certificates.server,
      remoteFingerprints: [certificates.client.fingerprint],
    });
    session.start(0);
    const header = Buffer.from('16fefd0000000000000000000d01ffffff0000000000000001aa', 'hex');
    expect(session.receive(header, 0)).toEqual([]);
    expect(session.state).toBe('connecting');
  });
});
