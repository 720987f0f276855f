import { createSocket, type Socket } from 'node:dgram';

const SOCKETS = 64;
const RECEIVE_BUFFER = 4 * 2 ** 20;

/**
 * A few sockets for many telephones. What the media plane does is the same; the generator tells the calls apart by
 * the plane's port.
 */
export class RtpSockets {
  readonly #sockets: Socket[];
  readonly #rtcp: Socket;
  #next = 0;

  private constructor(sockets: Socket[], rtcp: Socket) {
    this.#sockets = sockets;
    this.#rtcp = rtcp;
  }

  static async open(onPacket: (packet: Buffer, fromPort: number) => void): Promise<RtpSockets> {
    const sockets = await Promise.all(Array.from({ length: SOCKETS }, bind));
    for (const socket of sockets) socket.on('message', (packet, from) => onPacket(packet, from.port));
    const rtcp = await bind();
    // Reports are taken and not read.
    rtcp.on('message', () => undefined);
    return new RtpSockets(sockets, rtcp);
  }

  get rtcpPort(): number {
    return this.#rtcp.address().port;
  }

  take(): Socket {
    const socket = this.#sockets[this.#next++ % SOCKETS];
    if (!socket) throw new Error('no sockets');
    return socket;
  }
}

async function bind(): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: RECEIVE_BUFFER,
    lookup: (name, _options, callback) => callback(null, name, 4),
  });
  await new Promise<void>((resolve) => socket.bind({ address: '127.0.0.1', port: 0 }, resolve));
  // A port that has just been closed answers with ICMP.
  socket.on('error', () => undefined);
  return socket;
}
