import type { Socket } from 'jssip';
import { keepMd5Challenge } from './sip-headers.ts';

const connectTimeoutMs = 4000;
const pingIntervalMs = 15_000;
const pongTimeoutMs = 3000;

/**
 * The WebSocket under JsSIP (RFC 7118), with what a phone needs and JsSIP's own lacks: a time limit on
 * connecting, keep-alive with CRLF (RFC 5626 section 3.5.1) that finds half-open connections, and `poke()`,
 * which reconnects or probes at once when the system says that the network or the person is back.
 * JsSIP's transport accepts a socket that connects by itself: it reports `onconnect` and cancels its own timer.
 */
export class SipSocket implements Socket {
  via_transport: string;
  readonly url: string;
  readonly sip_uri: string;
  onconnect: () => void = () => {};
  ondisconnect: (error: boolean, code?: number, reason?: string) => void = () => {};
  ondata: (data: unknown) => void = () => {};
  #socket: WebSocket | undefined;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #pongTimer: ReturnType<typeof setTimeout> | undefined;
  #wanted = false;
  /** A server that has never answered a ping is not given up for its silence. */
  #answersPings = false;

  constructor(url: string) {
    const { host, protocol } = new URL(url);
    this.url = url;
    this.via_transport = protocol === 'wss:' ? 'WSS' : 'WS';
    this.sip_uri = `sip:${host};transport=ws`;
  }

  connect(): void {
    this.#wanted = true;
    if (this.#socket) return;
    const socket = new WebSocket(this.url, 'sip');
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#connectTimer = setTimeout(() => this.#lose(socket, 'connecting took too long'), connectTimeoutMs);
    socket.onopen = () => {
      clearTimeout(this.#connectTimer);
      this.#pingTimer = setInterval(() => this.#ping(), pingIntervalMs);
      this.onconnect();
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lose(socket, event.reason, event.code);
  }

  disconnect(): void {
    this.#wanted = false;
    this.#forget()?.close(1000);
  }

  send(message: string | ArrayBufferLike | Blob | ArrayBufferView<ArrayBuffer>): boolean {
    if (!this.isConnected()) return false;
    this.#socket?.send(message as string);
    return true;
  }

  isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.#socket?.readyState === WebSocket.CONNECTING;
  }

  /** Makes sure, now, that the connection lives: connects when there is none, asks for a pong when there is one. */
  poke(): void {
    if (!this.#wanted) return;
    if (this.isConnected()) this.#ping();
    else if (!this.#socket) this.connect();
  }

  /** The system says that there is no network: do not wait for a timeout to believe it. */
  drop(): void {
    if (this.#socket) this.#lose(this.#socket, 'offline');
  }

  #ping(): void {
    if (this.#pongTimer !== undefined || !this.send('\r\n\r\n')) return;
    const socket = this.#socket;
    if (!this.#answersPings) return;
    this.#pongTimer = setTimeout(() => socket && this.#lose(socket, 'no pong'), pongTimeoutMs);
  }

  #receive(data: unknown): void {
    // Anything from the server shows that the connection lives.
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
    const text = typeof data === 'string' ? data : new TextDecoder().decode(data as ArrayBuffer);
    if (text === '\r\n') this.#answersPings = true;
    this.ondata(keepMd5Challenge(text));
  }

  #lose(socket: WebSocket, reason: string, code?: number): void {
    if (socket !== this.#socket) return;
    this.#forget();
    socket.close();
    this.ondisconnect(true, code, reason);
  }

  #forget(): WebSocket | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#connectTimer);
    clearInterval(this.#pingTimer);
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
    if (socket) {
      socket.onopen = null;
      socket.onmessage = null;
      socket.onclose = null;
    }
    return socket;
  }
}
