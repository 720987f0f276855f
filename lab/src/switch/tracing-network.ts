import type {
  DatagramHandlers,
  DatagramSocket,
  Endpoint,
  Network,
  StreamListener,
  StreamSocket,
  TlsClientOptions,
  TlsListener,
  TlsServerOptions,
} from '@ringthrough/sip';

/** One SIP message as it passed the wire. */
export interface TracedMessage {
  direction: 'in' | 'out';
  text: string;
}

export interface TracingOptions {
  /** Whether datagrams arrive now. */
  carries(): boolean;
  onMessage(message: TracedMessage): void;
}

/** Shows every datagram of a SIP stack to an onlooker, retransmissions included, and changes nothing; or carries none. */
export class TracingNetwork implements Network {
  readonly #inner: Network;
  readonly #options: TracingOptions;

  constructor(inner: Network, options: TracingOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  async bindUdp(at: Endpoint, handlers: DatagramHandlers): Promise<DatagramSocket> {
    const socket = await this.#inner.bindUdp(at, {
      message: (bytes, from) => {
        if (this.#trace('in', bytes)) handlers.message(bytes, from);
      },
      error: (error) => handlers.error(error),
    });
    return {
      local: socket.local,
      send: (bytes, to, failed) => {
        if (this.#trace('out', bytes)) socket.send(bytes, to, failed);
      },
      close: () => socket.close(),
    };
  }

  listenTcp(at: Endpoint, accept: (socket: StreamSocket) => void): Promise<StreamListener> {
    return this.#inner.listenTcp(at, accept);
  }

  listenTls(
    at: Endpoint,
    options: TlsServerOptions,
    accept: (socket: StreamSocket) => void,
  ): Promise<TlsListener> {
    return this.#inner.listenTls(at, options, accept);
  }

  connectTcp(to: Endpoint): StreamSocket {
    return this.#inner.connectTcp(to);
  }

  connectTls(to: Endpoint, options: TlsClientOptions): StreamSocket {
    return this.#inner.connectTls(to, options);
  }

  resolve(host: string): Promise<string> {
    return this.#inner.resolve(host);
  }

  #trace(direction: TracedMessage['direction'], bytes: Uint8Array): boolean {
    if (!this.#options.carries()) return false;
    this.#options.onMessage({ direction, text: Buffer.from(bytes).toString('utf8') });
    return true;
  }
}

/** What the ladder needs of a message: its Call-ID and a few words. `undefined` when it is no SIP message. */
export function summarize(text: string): { callId: string; label: string } | undefined {
  const callId = /^(?:call-id|i)[ \t]*:[ \t]*(\S+)/im.exec(text)?.[1];
  const [first = ''] = text.split('\r\n', 1);
  if (callId === undefined) return undefined;
  const response = /^SIP\/2\.0 ([1-6][0-9]{2}) ?(.*)$/.exec(first);
  const sdp = /\r\n\r\nv=0/.test(text) ? ' (SDP)' : '';
  if (response !== null) return { callId, label: `${response[1]} ${response[2]}${sdp}`.trim() };
  const method = /^([A-Z]+) \S+ SIP\/2\.0$/.exec(first)?.[1];
  return method === undefined ? undefined : { callId, label: `${method}${sdp}` };
}
