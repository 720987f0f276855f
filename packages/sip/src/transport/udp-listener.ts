import { BaseFlow, hostPort, type SendFailed, type SentBy } from './flow.ts';
import type { DatagramSocket, Network } from './network.ts';
import type { Endpoint } from './types.ts';

/** A UDP address pair. It holds nothing. */
export class UdpFlow extends BaseFlow {
  /** Whether another transport may lead to the same peer: it was chosen by its address, not for having called us. */
  readonly replaceable: boolean;
  readonly #socket: DatagramSocket;

  constructor(socket: DatagramSocket, remote: Endpoint, sentBy: SentBy, replaceable = false) {
    const local = socket.local;
    super({ id: `udp:${hostPort(local)}/${hostPort(remote)}`, protocol: 'udp', local, remote, sentBy });
    this.#socket = socket;
    this.replaceable = replaceable;
  }

  send(bytes: Uint8Array, failed: SendFailed): void {
    try {
      this.#socket.send(bytes, this.remote, failed);
    } catch (error) {
      // Node refuses port 0 by throwing, and a peer may name it: in Via, in Contact, or as its source.
      queueMicrotask(() => failed(error as Error));
    }
  }

  /** There is no connection that could close. */
  override onClose(): () => void {
    return () => {};
  }

  /** Nothing to close: the socket is the listener's. */
  close(): void {}
}

const maxKnown = 1_000;

/** One UDP socket of the stack. */
export class UdpListener {
  readonly local: Endpoint;
  readonly sentBy: SentBy;
  readonly #socket: DatagramSocket;
  /** By port; a switch or a busy telephone sends one datagram after the other. */
  readonly #known = new Map<number, UdpFlow>();
  readonly #replaceable = new Map<number, UdpFlow>();

  private constructor(socket: DatagramSocket, sentBy: SentBy) {
    this.#socket = socket;
    this.local = socket.local;
    this.sentBy = sentBy;
  }

  /** Binds; rejects with a `ListenError`. Socket errors later (ICMP, interface down) are reported and survived. */
  static async bind(options: {
    network: Network;
    at: Endpoint;
    advertise: (local: Endpoint) => SentBy;
    datagram: (bytes: Uint8Array, flow: UdpFlow) => void;
    error: (error: Error) => void;
  }): Promise<UdpListener> {
    let listener: UdpListener | undefined;
    const socket = await options.network.bindUdp(options.at, {
      message: (bytes, from) => {
        if (listener) options.datagram(bytes, listener.flowTo(from));
      },
      error: options.error,
    });
    listener = new UdpListener(socket, options.advertise(socket.local));
    return listener;
  }

  flowTo(remote: Endpoint, replaceable = false): UdpFlow {
    const known = replaceable ? this.#replaceable : this.#known;
    const flow = known.get(remote.port);
    if (flow?.remote.host === remote.host) return flow;
    if (known.size >= maxKnown) known.clear();
    const made = new UdpFlow(this.#socket, remote, this.sentBy, replaceable);
    known.set(remote.port, made);
    return made;
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
