import { createHash } from 'node:crypto';
import {
  formatVia,
  parseMessage,
  parseNameAddr,
  parseUri,
  parseVia,
  type SipMessage,
  type SipRequest,
  SipResponse,
  serializeMessage,
} from '@ringthrough/sip';
import type { MemoryNetwork } from '@ringthrough/sip/testing';

interface Endpoint {
  host: string;
  port: number;
}

/**
 * An edge proxy as a carrier puts it in front of registrars, over UDP and without state (RFC 3261 section 16.11): it adds
 * itself to Path (RFC 3327) with a token of the flow (RFC 5626 section 5.2), and to Record-Route.
 */
export class EdgeProxy {
  readonly address: Endpoint;
  /** Requests that it forwarded to devices. */
  readonly forwarded: SipRequest[] = [];
  /** Its flows are all gone: 430 (RFC 5626 section 5.3.1). */
  flowsFailed = false;
  readonly #server: Endpoint;
  #send: (bytes: Uint8Array, to: Endpoint) => void = () => undefined;
  #close: () => Promise<void> = async () => undefined;

  private constructor(host: string, server: Endpoint) {
    this.address = { host, port: 5060 };
    this.#server = server;
  }

  static async open(network: MemoryNetwork, host: string, server: Endpoint): Promise<EdgeProxy> {
    const proxy = new EdgeProxy(host, server);
    const socket = await network.host(host).bindUdp(proxy.address, {
      message: (bytes, from) => {
        const parsed = parseMessage(bytes);
        if (parsed.ok) proxy.#receive(parsed.message, from);
      },
      error: () => undefined,
    });
    proxy.#send = (bytes, to) => socket.send(bytes, to, () => undefined);
    proxy.#close = () => socket.close();
    return proxy;
  }

  close(): Promise<void> {
    return this.#close();
  }

  #receive(message: SipMessage, from: Endpoint): void {
    if (message.kind === 'response') this.#response(message);
    else if (from.host === this.#server.host) this.#toDevice(message);
    else this.#toServer(message, from);
  }

  #toServer(request: SipRequest, from: Endpoint): void {
    const via = parseVia(request.headers.removeFirst('Via') ?? '');
    if (!via) return;
    via.params.set('received', from.host).set('rport', String(from.port));
    request.headers.prepend('Via', formatVia(via));
    if (parseNameAddr(request.headers.get('Route') ?? '')?.uri.includes(this.address.host))
      request.headers.removeFirst('Route');
    const token = Buffer.from(`${from.host} ${from.port}`).toString('hex');
    if (request.method === 'REGISTER')
      request.headers.prepend('Path', `<sip:${token}@${this.address.host};lr;ob>`);
    this.#forward(request, this.#server, token);
  }

  #toDevice(request: SipRequest): void {
    const route = parseUri(parseNameAddr(request.headers.removeFirst('Route') ?? '')?.uri ?? '');
    const [host = '', port] = Buffer.from(route?.user ?? '', 'hex')
      .toString()
      .split(' ');
    if (this.flowsFailed) {
      if (request.method !== 'ACK') this.#refuse(request);
      return;
    }
    this.forwarded.push(request);
    this.#forward(request, { host, port: Number(port) }, route?.user ?? '');
  }

  #forward(request: SipRequest, to: Endpoint, token: string): void {
    const { headers } = request;
    const { host, port } = this.address;
    if (['INVITE', 'SUBSCRIBE', 'NOTIFY'].includes(request.method))
      headers.prepend('Record-Route', `<sip:${token}@${host};lr>`);
    // The same for a request, its copies, its CANCEL and the ACK of its refusal.
    const before = parseVia(headers.get('Via') ?? '')?.params.get('branch') ?? '';
    const branch = createHash('sha256').update(before).digest('hex').slice(0, 20);
    headers.prepend('Via', `SIP/2.0/UDP ${host}:${port};branch=z9hG4bK${branch}`);
    this.#send(serializeMessage(request), to);
  }

  #response(response: SipResponse): void {
    response.headers.removeFirst('Via');
    const via = parseVia(response.headers.get('Via') ?? '');
    if (!via) return;
    const host = via.params.get('received') ?? via.host;
    this.#send(serializeMessage(response), {
      host,
      port: Number(via.params.get('rport') ?? via.port ?? 5060),
    });
  }

  #refuse(request: SipRequest): void {
    const response = new SipResponse(430, 'Flow Failed');
    for (const via of request.headers.getAll('Via')) response.headers.add('Via', via);
    for (const name of ['From', 'Call-ID', 'CSeq'])
      response.headers.add(name, request.headers.get(name) ?? '');
    response.headers.add('To', `${request.headers.get('To')};tag=edge`);
    this.#send(serializeMessage(response), this.#server);
  }
}
