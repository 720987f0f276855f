import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './process.ts';

export interface Sms {
  id: string;
  from: string;
  to: string;
  text: string;
}

/** The carrier's end of the SMS webhook: takes what the server sends and keeps it for the test to read. */
export class SmsInbox {
  readonly token = 'test-carrier-token';
  readonly received: Sms[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<SmsInbox> {
    const server = createServer();
    const inbox = new SmsInbox(server);
    server.on('request', (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        const authorised = request.headers.authorization === `Bearer ${inbox.token}`;
        if (authorised) inbox.received.push(JSON.parse(body) as Sms);
        response.writeHead(authorised ? 202 : 401).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return inbox;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/sms`;
  }

  /** The newest SMS to a number that came after `after` others to it. */
  async next(to: string, after = 0): Promise<Sms> {
    return until(() => this.received.filter((sms) => sms.to === to)[after], {
      describe: () => `no SMS ${after + 1} to that number`,
    });
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
