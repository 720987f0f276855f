import {
  parseMessage,
  type SipMessage,
  SipRequest,
  SipResponse,
  serializeMessage,
} from '../message/index.ts';
import type { DatagramSocket } from '../transport/network.ts';
import type { Endpoint } from '../transport/types.ts';
import type { MemoryNetwork } from './memory-network.ts';

/** A peer over UDP without a stack: a test writes each of its messages and sees each that it gets. */
export class RawPeer {
  /** All that came, in order. */
  readonly received: SipMessage[] = [];
  /** When each of them came. */
  readonly times: number[] = [];
  readonly address: Endpoint;
  /** Where `send` sends to. */
  readonly to: Endpoint;
  #socket: DatagramSocket | undefined;
  #seen = 0;

  private constructor(address: Endpoint, to: Endpoint) {
    this.address = address;
    this.to = to;
  }

  static async bind(network: MemoryNetwork, address: Endpoint, to: Endpoint): Promise<RawPeer> {
    const peer = new RawPeer(address, to);
    peer.#socket = await network.host(address.host).bindUdp(address, {
      message: (bytes) => {
        const parsed = parseMessage(bytes);
        if (!parsed.ok) throw new Error(`the stack sent what cannot be read: ${parsed.error.text}`);
        peer.received.push(parsed.message);
        peer.times.push(network.clock.now());
      },
      error: () => {},
    });
    return peer;
  }

  /** What came since the last call, in short: `INVITE`, `200 INVITE`. */
  news(): string[] {
    const fresh = this.received.slice(this.#seen);
    this.#seen = this.received.length;
    return fresh.map((message) =>
      message.kind === 'request'
        ? message.method
        : `${message.status} ${message.headers.get('CSeq')?.split(' ')[1] ?? ''}`,
    );
  }

  /** The last request of this method that came. */
  lastRequest(method: string): SipRequest {
    const found = this.received.findLast(
      (message) => message.kind === 'request' && message.method === method,
    );
    if (!(found instanceof SipRequest)) throw new Error(`no ${method} came`);
    return found;
  }

  /** The last response that came, of this status. */
  lastResponse(status: number): SipResponse {
    const found = this.received.findLast(
      (message) => message.kind === 'response' && message.status === status,
    );
    if (!(found instanceof SipResponse)) throw new Error(`no ${status} came`);
    return found;
  }

  send(message: SipMessage | string): void {
    const bytes = typeof message === 'string' ? Buffer.from(message) : serializeMessage(message);
    this.#socket?.send(bytes, this.to, () => {});
  }

  /** A request of this peer; later headers replace the usual ones of the same name. */
  request(method: string, headers: Record<string, string> = {}, body = ''): SipRequest {
    const { host, port } = this.address;
    const request = new SipRequest(method, `sip:service@${this.to.host}`, { body });
    const all: Record<string, string> = {
      Via: `SIP/2.0/UDP ${host}:${port};branch=z9hG4bKraw1;rport`,
      'Max-Forwards': '70',
      From: '<sip:raw@raw.example>;tag=rawtag',
      To: `<sip:service@${this.to.host}>`,
      'Call-ID': 'raw-call',
      CSeq: `1 ${method}`,
      Contact: `<sip:raw@${host}:${port}>`,
      ...(body === '' ? {} : { 'Content-Type': 'application/sdp' }),
      ...headers,
    };
    for (const [name, value] of Object.entries(all)) if (value !== '') request.headers.add(name, value);
    return request;
  }

  /** A response of this peer. */
  respond(request: SipRequest, status: number, headers: Record<string, string> = {}, body = ''): void {
    const response = new SipResponse(status, 'raw', { body });
    for (const via of request.headers.getAll('Via')) response.headers.add('Via', via);
    for (const name of ['From', 'To', 'Call-ID', 'CSeq'])
      response.headers.add(name, request.headers.get(name) ?? '');
    const { host, port } = this.address;
    response.headers.add('Contact', `<sip:raw@${host}:${port}>`);
    if (body !== '') response.headers.add('Content-Type', 'application/sdp');
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    this.send(response);
  }

  close(): Promise<void> {
    return this.#socket?.close() ?? Promise.resolve();
  }
}
