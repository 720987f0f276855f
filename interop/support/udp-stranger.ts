import { randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { until } from './process.ts';

/** A bare UDP socket that sends what it likes and keeps what comes back. */
export class UdpStranger {
  readonly received: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes) => this.received.push(bytes));
  }

  static async open(port = 0): Promise<UdpStranger> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, '127.0.0.1', resolve);
    });
    return new UdpStranger(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(bytes: Uint8Array | string, port: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    );
  }

  /** The answers whose text contains this. */
  answers(text: string): string[] {
    return this.received.map((bytes) => bytes.toString('latin1')).filter((answer) => answer.includes(text));
  }

  /**
   * Sends a REGISTER, which everybody may, and waits for its 401: everything sent before has then been worked off,
   * and the server is alive.
   */
  async knock(port: number): Promise<void> {
    const callId = randomUUID();
    const request = sipRequest('REGISTER', { callId, from: this.port });
    await this.send(request, port);
    await until(async () => {
      if (this.answers(callId).some((answer) => answer.startsWith('SIP/2.0 401'))) return true;
      // A full socket buffer may have lost it.
      await this.send(request, port);
      return undefined;
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

/** A SIP request as text, whole and well-formed. */
export function sipRequest(
  method: string,
  { callId, from, extra = '', body = '' }: { callId: string; from: number; extra?: string; body?: string },
): string {
  return [
    `${method} sip:+14155559000@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${from};branch=z9hG4bK${callId}`,
    'Max-Forwards: 70',
    'From: <sip:+12125550199@127.0.0.1>;tag=stranger',
    'To: <sip:+14155559000@127.0.0.1>',
    `Call-ID: ${callId}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:stranger@127.0.0.1:${from}>`,
    ...(extra ? [extra] : []),
    ...(body ? ['Content-Type: application/sdp'] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
