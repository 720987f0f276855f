import { connect, createServer, type Server, type Socket } from 'node:net';
import { SipRequest, type SipResponse, StreamFramer, serializeMessage } from '@ringthrough/sip';
import { until } from './process.ts';
import { C_NUMBER, type Ringthrough } from './ringthrough.ts';

/**
 * A carrier's switch over TCP that loses its connection in the middle of a call and waits for us to open another one: to
 * the address of its Via for a response, to its Contact for a request (RFC 3261 sections 18.2.2 and 12.2.1.1).
 */
export class TcpSwitch {
  readonly responses: SipResponse[] = [];
  readonly requests: SipRequest[] = [];
  /** Connections that were opened to it. */
  accepted = 0;
  readonly #server: Ringthrough;
  readonly #listener: Server;
  #socket: Socket | undefined;
  #port = 0;

  private constructor(server: Ringthrough) {
    this.#server = server;
    this.#listener = createServer((socket) => {
      this.accepted += 1;
      this.#use(socket);
    });
  }

  static async open(server: Ringthrough): Promise<TcpSwitch> {
    const one = new TcpSwitch(server);
    await new Promise<void>((resolve) => one.#listener.listen(0, '127.0.0.1', resolve));
    one.#port = (one.#listener.address() as { port: number }).port;
    // The trunk is known by the port that it sends from.
    const from = {
      host: '127.0.0.1',
      port: server.sipPort,
      localAddress: '127.0.0.1',
      localPort: server.trunkPort,
    };
    await new Promise<void>((resolve, reject) => {
      const socket = connect(from, resolve);
      socket.once('error', reject);
      one.#use(socket);
    });
    return one;
  }

  invite(number: string, sdp: string): void {
    this.#send('INVITE', 1, { Diversion: `<sip:${number}@carrier.example>;reason=unavailable` }, sdp);
  }

  ack(): void {
    this.#send('ACK', 1, {}, '');
  }

  /** 200 to the last request. */
  agree(): void {
    const request = this.requests.at(-1);
    if (!request) throw new Error('nothing was asked');
    const lines = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name) =>
      request.headers.getAll(name).map((value) => `${name}: ${value}`),
    );
    this.#socket?.write(['SIP/2.0 200 OK', ...lines, 'Content-Length: 0', '', ''].join('\r\n'));
  }

  /** Its connection breaks, as when a router on the way forgets it. */
  lose(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async status(status: number): Promise<void> {
    await until(() => this.responses.some((one) => one.status === status), {
      describe: () => `no ${status} among ${this.responses.map((one) => one.status).join(', ')}`,
    });
  }

  async asked(method: string): Promise<SipRequest> {
    return until(() => this.requests.find((one) => one.method === method), {
      describe: () => `no ${method}`,
    });
  }

  async close(): Promise<void> {
    this.lose();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #send(method: string, sequence: number, headers: Record<string, string>, body: string): void {
    const to =
      this.responses.findLast((one) => one.status === 200)?.headers.get('To') ??
      `<sip:${C_NUMBER}@127.0.0.1>`;
    const request = new SipRequest(method, `sip:${C_NUMBER}@127.0.0.1:${this.#server.sipPort}`, {
      headers: [
        ['Via', `SIP/2.0/TCP 127.0.0.1:${this.#port};branch=z9hG4bKswitch${method}`],
        ['Max-Forwards', '70'],
        ['From', '<sip:+12125550199@carrier.example>;tag=switch'],
        ['To', to],
        ['Call-ID', `switch-${this.#port}`],
        ['CSeq', `${sequence} ${method}`],
        ['Contact', `<sip:switch@127.0.0.1:${this.#port};transport=tcp>`],
        ...Object.entries(headers),
        ...(body === '' ? [] : [['Content-Type', 'application/sdp'] as [string, string]]),
      ],
      body,
    });
    this.#socket?.write(serializeMessage(request));
  }

  #use(socket: Socket): void {
    const framer = new StreamFramer();
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      for (const item of framer.push(chunk)) {
        if (!('message' in item)) continue;
        if (item.message.kind === 'request') this.requests.push(item.message);
        else this.responses.push(item.message);
      }
    });
  }
}
