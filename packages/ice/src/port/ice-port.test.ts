import { createSocket, Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCertificate } from '../dtls/certificate.ts';
import { type DtlsOutput, DtlsSession } from '../dtls/dtls-session.ts';
import { BINDING_METHOD, parseStun, StunAttributeType, serializeStun } from '../stun/stun-message.ts';
import { IcePort } from './ice-port.ts';
import type { IceSession, IceSessionState } from './ice-session.ts';

const certificate = createCertificate();

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 3000; !condition(); ) {
    if (performance.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A peer with a socket: checks, and speaks DTLS as client. */
class Peer {
  readonly #socket: Socket;
  readonly #port: IcePort;
  readonly received: Buffer[] = [];
  dtls: DtlsSession | undefined;

  private constructor(socket: Socket, port: IcePort) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (datagram) => {
      this.received.push(datagram);
      if (datagram[0]! >= 20 && datagram[0]! < 64 && this.dtls)
        this.#apply(this.dtls.receive(datagram, performance.now()));
    });
  }

  static async open(port: IcePort): Promise<Peer> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind({ address: '127.0.0.1', port: 0 }, resolve));
    return new Peer(socket, port);
  }

  send(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#port.address.port, '127.0.0.1');
  }

  check(ufrag: string, password: string): void {
    const attributes = [
      { type: StunAttributeType.username, value: Buffer.from(`${ufrag}:peer`) },
      { type: StunAttributeType.priority, value: Buffer.from([110, 0, 1, 255]) },
      { type: StunAttributeType.iceControlling, value: Buffer.alloc(8) },
      { type: StunAttributeType.useCandidate, value: Buffer.alloc(0) },
    ];
    const transactionId = Buffer.alloc(12, 9);
    this.send(
      serializeStun(
        { class: 'request', method: BINDING_METHOD, transactionId, attributes },
        { key: password },
      ),
    );
  }

  startDtls(): void {
    this.dtls = new DtlsSession({
      role: 'client',
      certificate,
      remoteFingerprints: [this.#port.certificate.fingerprint],
    });
    this.#apply(this.dtls.start(performance.now()));
  }

  #apply(outputs: DtlsOutput[]): void {
    for (const output of outputs) if (output.type === 'send') this.send(output.data);
  }

  answers(): number {
    return this.received.filter((datagram) => parseStun(datagram)?.class === 'success').length;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

describe('IcePort', () => {
  let port: IcePort;
  const peers: Peer[] = [];
  let media: string[] = [];

  beforeEach(async () => {
    media = [];
    port = await IcePort.bind({ host: '127.0.0.1', port: 0, maxHandshakes: 2 });
  });
  afterEach(async () => {
    await port.close();
    expect(port.stats()).toEqual({ sessions: 0, ufrags: 0, addresses: 0, handshakes: 0 });
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
  });

  async function openPeer(): Promise<Peer> {
    const peer = await Peer.open(port);
    peers.push(peer);
    return peer;
  }

  function openSession(name: string): { session: IceSession; states: IceSessionState[] } {
    const states: IceSessionState[] = [];
    const session = port.createSession({
      onConnected: () => undefined,
      onMedia: (datagram) => media.push(`${name} ${datagram.toString('latin1')}`),
      onState: (state) => states.push(state),
    });
    return { session, states };
  }

  async function connect(name: string) {
    const { session, states } = openSession(name);
    const peer = await openPeer();
    session.setRemote({ fingerprints: [certificate.fingerprint], dtlsRole: 'server' });
    peer.check(session.ufrag, session.password);
    await until(() => peer.answers() === 1);
    peer.startDtls();
    await until(() => session.state === 'connected' && peer.dtls?.state === 'connected');
    return { session, states, peer };
  }

  it('serves many sessions on one port and tells their packets apart', async () => {
    const [a, b] = [await connect('a'), await connect('b')];
    a.peer.send(Buffer.from('\x80 from a', 'latin1'));
    b.peer.send(Buffer.from('\x80 from b', 'latin1'));
    await until(() => media.length === 2);
    expect(media.sort()).toEqual(['a \x80 from a', 'b \x80 from b']);
    expect(a.session.send(Buffer.from('\x80 to a', 'latin1'))).toBe(true);
    await until(() => a.peer.received.some((datagram) => datagram.toString('latin1') === '\x80 to a'));
  });

  it('follows the peer to another address, and keeps DTLS', async () => {
    const { session } = await connect('a');
    const moved = await openPeer();
    moved.check(session.ufrag, session.password);
    await until(() => moved.answers() === 1);
    moved.send(Buffer.from('\x80 moved', 'latin1'));
    await until(() => media.length === 1);
    expect(session.destination?.port).toBeDefined();
    expect(session.state).toBe('connected');
  });

  it('goes through an ICE restart: the old path carries on until the new credentials are used', async () => {
    const { session, peer } = await connect('a');
    const old = { ufrag: session.ufrag, password: session.password };
    session.restart();
    expect(session.ufrag).not.toBe(old.ufrag);
    expect(session.send(Buffer.from('\x80 on', 'latin1'))).toBe(true);
    const moved = await openPeer();
    moved.check(session.ufrag, session.password);
    await until(() => moved.answers() === 1);
    expect(port.stats()).toMatchObject({ ufrags: 1, addresses: 1 });
    peer.check(old.ufrag, old.password);
    await until(() => port.drops.unknownUfrag === 1);
  });

  it('loses consent, sends nothing more, and gets it back', async () => {
    await port.close();
    port = await IcePort.bind({ host: '127.0.0.1', port: 0, consentTimeoutMs: 300 });
    const { session, states, peer } = await connect('a');
    await until(() => session.state === 'disconnected');
    expect(session.send(Buffer.from('\x80', 'latin1'))).toBe(false);
    peer.check(session.ufrag, session.password);
    await until(() => session.state === 'connected');
    expect(states).toEqual(['connecting', 'connected', 'disconnected', 'connected']);
  });

  it('answers nobody who does not know a ufrag, and counts what is dropped', async () => {
    const { session } = openSession('a');
    const peer = await openPeer();
    peer.check('unknown', session.password);
    peer.send(Buffer.from('\x80 stray', 'latin1'));
    peer.send(Buffer.from('\x16 stray', 'latin1'));
    peer.send(Buffer.from('\x50 other', 'latin1'));
    peer.send(Buffer.from([0, 1, 0, 0]));
    await until(() => port.drops.malformed === 2);
    expect(port.drops).toEqual({ malformed: 2, unknownUfrag: 1, strangers: 2 });
    expect(peer.received).toEqual([]);
    expect(session.state).toBe('new');
  });

  it('drops a check that comes from port 0', async () => {
    // Ordinary sockets cannot send such a datagram, so Node's socket is made to say that one came.
    const sockets: Socket[] = [];
    const bind = vi.spyOn(Socket.prototype, 'bind').mockImplementation(function (this: Socket, ...args) {
      sockets.push(this);
      bind.mockRestore();
      return this.bind(...(args as Parameters<Socket['bind']>));
    });
    await port.close();
    port = await IcePort.bind({ host: '127.0.0.1', port: 0 });
    const { session } = openSession('a');
    const check = serializeStun({
      class: 'request',
      method: BINDING_METHOD,
      transactionId: Buffer.alloc(12, 9),
      attributes: [{ type: StunAttributeType.username, value: Buffer.from(`${session.ufrag}:peer`) }],
    });
    const from = { address: '127.0.0.1', family: 'IPv4', port: 0, size: check.length };
    expect(() => sockets[0]!.emit('message', check, from)).not.toThrow();
    expect(port.drops.malformed).toBe(1);
  });

  it('survives garbage of every first byte, from strangers and from a peer', async () => {
    const { session, peer } = await connect('a');
    const stranger = await openPeer();
    for (let i = 0; i < 1024; i++) {
      const datagram = Buffer.from(
        Array.from({ length: 1 + (i % 60) }, (_, at) => (i * 13 + at * at * 7) & 0xff),
      );
      datagram[0] = i & 0xff;
      peer.send(datagram);
      stranger.send(datagram);
    }
    const before = media.length;
    peer.send(Buffer.from('\x80 last', 'latin1'));
    await until(() => media.length > before && media.at(-1) === 'a \x80 last');
    expect(session.state).toBe('connected');
    expect(stranger.received).toEqual([]);
  });

  it('bounds half-open handshakes: a third one waits until there is room', async () => {
    const open = async () => {
      const { session } = openSession('x');
      const peer = await openPeer();
      session.setRemote({ fingerprints: [certificate.fingerprint], dtlsRole: 'server' });
      peer.check(session.ufrag, session.password);
      await until(() => peer.answers() === 1);
      return { session, peer };
    };
    const [first, , third] = [await open(), await open(), await open()];
    expect(port.stats().handshakes).toBe(2);
    expect(third.session.state).toBe('new');
    first.session.close();
    third.peer.check(third.session.ufrag, third.session.password);
    await until(() => third.session.state === 'connecting');
  });

  it('ends a session with close_notify, both ways', async () => {
    const [a, b] = [await connect('a'), await connect('b')];
    a.session.close();
    a.session.close();
    await until(() => a.peer.dtls?.state === 'closed');
    for (const output of b.peer.dtls!.close()) if (output.type === 'send') b.peer.send(output.data);
    await until(() => b.session.state === 'closed');
    expect(a.states.at(-1)).toBe('closed');
  });

  it('fails with a reason when the certificate is another one than announced', async () => {
    const reasons: Array<string | undefined> = [];
    const session = port.createSession({
      onConnected: () => undefined,
      onMedia: () => undefined,
      onState: (state, reason) => state === 'failed' && reasons.push(reason),
    });
    const peer = await openPeer();
    session.setRemote({ fingerprints: [createCertificate().fingerprint], dtlsRole: 'server' });
    peer.check(session.ufrag, session.password);
    await until(() => peer.answers() === 1);
    peer.startDtls();
    await until(() => session.state === 'failed');
    expect(reasons).toEqual([expect.stringContaining('fingerprint')]);
  });

  it('says which port is taken', async () => {
    await expect(IcePort.bind({ host: '127.0.0.1', port: port.address.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
