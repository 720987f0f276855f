import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Answer = { status: number; headers?: Record<string, string>; body?: string };

/** A server of a carrier, over real HTTP: says what it is told to, and remembers what it was asked. */
export class CarrierServer {
  readonly seen: SeenRequest[] = [];
  answer: (request: SeenRequest) => Answer | Promise<Answer> = () => ({ status: 404 });
  readonly #server: Server;

  constructor(create: (listener: (q: IncomingMessage, s: ServerResponse) => void) => Server = createServer) {
    this.#server = create((request, response) => void this.#serve(request, response));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of incoming) body += String(chunk);
    const { method = '', url = '', headers } = incoming;
    const request = { method, url, headers, body };
    this.seen.push(request);
    const answer = await this.answer(request);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** An XCAP server with one document, or one element of it, under conditions (RFC 4825 section 7.11). */
export class StoredDocument {
  text: string | undefined;
  /** Called before a PUT is looked at: somebody else may write first. */
  beforePut: () => void = () => {};

  constructor(text: string | undefined) {
    this.text = text;
  }

  get etag(): string {
    return `"${createHash('md5')
      .update(this.text ?? '')
      .digest('hex')}"`;
  }

  answer = ({ method, headers, body }: SeenRequest): Answer => {
    if (method === 'GET') {
      if (this.text === undefined) return { status: 404 };
      return { status: 200, headers: { etag: this.etag }, body: this.text };
    }
    this.beforePut();
    const { 'if-match': match, 'if-none-match': none } = headers;
    if (match !== undefined && match !== this.etag) return { status: 412 };
    if (none === '*' && this.text !== undefined) return { status: 412 };
    const status = this.text === undefined ? 201 : 200;
    this.text = body;
    return { status, headers: { etag: this.etag } };
  };
}
