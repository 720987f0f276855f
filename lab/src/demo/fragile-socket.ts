import { WebSocket } from 'ws';

/** JsSIP's socket with a network that can break: the connection dies without a goodbye, as when a tab is killed. */
export class FragileSocket {
  readonly url: string;
  readonly sip_uri: string;
  readonly via_transport = 'WS';
  onconnect: () => void = () => {};
  ondisconnect: (error: boolean, code?: number, reason?: string) => void = () => {};
  ondata: (data: string) => void = () => {};
  #socket: WebSocket | undefined;

  constructor(url: string) {
    this.url = url;
    this.sip_uri = `sip:${new URL(url).host};transport=ws`;
  }

  connect(): void {
    if (this.#socket !== undefined) return;
    const socket = new WebSocket(this.url, 'sip');
    this.#socket = socket;
    socket.on('open', () => this.onconnect());
    socket.on('message', (data) => this.ondata(data.toString()));
    socket.on('error', () => socket.terminate());
    socket.on('close', (code, reason) => {
      // Not when JsSIP itself has let go of it.
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.ondisconnect(true, code, reason.toString());
    });
  }

  disconnect(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  send(message: string): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(message);
    return true;
  }

  isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.#socket?.readyState === WebSocket.CONNECTING;
  }

  /** The network is gone; JsSIP will try again by itself. */
  lose(): void {
    this.#socket?.terminate();
  }
}
