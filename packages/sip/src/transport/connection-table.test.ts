import { describe, expect, it } from 'vitest';
import { MemoryWebSocket, VirtualClock } from '../testing/index.ts';
import type { StreamHandlers, StreamSocket } from './network.ts';
import { TcpConnection } from './tcp-connection.ts';
import { defaultLimits } from './types.ts';
import { WebSocketFlow } from './web-socket-flow.ts';

const remote = { host: '10.0.0.2', port: 5060 };
const message = Buffer.from('OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n');
const limits = {
  ...defaultLimits,
  keepAliveMs: 20_000,
  keepAliveTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  maxBufferedBytes: 1_000,
};

/** The network's end of a connection: it writes down what it is told, and says what the test wants. */
class Wire implements StreamSocket {
  readonly local = { host: '10.0.0.1', port: 40_000 };
  readonly remote = remote;
  bufferedBytes = 0;
  readonly log: string[];
  handlers!: StreamHandlers;

  constructor(log: string[]) {
    this.log = log;
  }

  write(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString();
    this.log.push(`sends ${{ '\r\n\r\n': 'ping', '\r\n': 'pong' }[text] ?? 'bytes'}`);
  }

  end(): void {
    this.log.push('ends');
  }

  destroy(): void {
    this.log.push('destroys');
  }

  handle(handlers: StreamHandlers): void {
    this.handlers = handlers;
  }
}

class Line {
  readonly clock = new VirtualClock(0);
  readonly log: string[] = [];
  readonly wire = new Wire(this.log);
  readonly connection = new TcpConnection({
    id: 'tcp:1',
    protocol: 'tcp',
    socket: this.wire,
    sentBy: { host: '10.0.0.1', port: 5060 },
    clock: this.clock,
    limits,
    open: false,
  });

  constructor() {
    this.connection.onClose(() => void this.log.push('tells listeners'));
    this.connection.run({
      message: () => void this.log.push('message'),
      malformed: () => void this.log.push('malformed'),
      closed: ({ message: why }) => void this.log.push(`closed: ${why}`),
    });
  }

  get state(): string {
    return this.connection.closed ? 'closed' : this.connection.opened ? 'open' : 'opening';
  }

  async pass(ms: number): Promise<void> {
    // As the pool does it.
    for (let left = ms; left > 0; left -= 5_000) {
      await this.clock.advance(Math.min(left, 5_000));
      this.connection.keepAlive();
    }
  }

  send(): void {
    this.connection.send(message, ({ message: why }) => void this.log.push(`send failed: ${why}`));
  }
}

type Act = (line: Line) => unknown;
const hears =
  (bytes: string | Uint8Array): Act =>
  ({ wire }) =>
    wire.handlers.data(Buffer.from(bytes));

const ways: Record<string, Act> = {
  opening: () => {},
  'opening, bytes wait': (line) => line.send(),
  open: ({ wire }) => wire.handlers.open(),
  'open, asked the first time': async (line) => {
    line.wire.handlers.open();
    await line.pass(40_000);
  },
  'open, asked one that answers': async (line) => {
    line.wire.handlers.open();
    await line.pass(40_000);
    line.wire.handlers.data(Buffer.from('\r\n'));
    await line.pass(20_000);
  },
  'open, framing lost': (line) => {
    line.wire.handlers.open();
    line.wire.handlers.data(Buffer.from('OPTIONS sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n'));
  },
  closed: ({ connection }) => connection.close(),
};

const events: Record<string, Act> = {
  'it opens': ({ wire }) => wire.handlers.open(),
  'a message': hears(message),
  'half of one': hears(message.subarray(0, 20)),
  'CRLF CRLF': hears('\r\n\r\n'),
  CRLF: hears('\r\n'),
  'the peer closes': ({ wire }) => wire.handlers.close(undefined),
  'the connection breaks': ({ wire }) => wire.handlers.close(new Error('ECONNRESET')),
  'send()': (line) => line.send(),
  'send() to one that does not read': (line) => {
    line.wire.bufferedBytes = 999;
    line.send();
  },
  'close()': ({ connection }) => connection.close(),
  'ping()': (line) => line.connection.ping(3_000).then((alive) => line.log.push(alive ? 'alive' : 'dead')),
  '1 s of silence': (line) => line.pass(1_001),
  '5 s of silence': (line) => line.pass(5_001),
  '15 s of silence': (line) => line.pass(15_000),
};

describe('RFC 3261 18, RFC 5626 3.5.1 and 4.4.1: a TCP connection in each state with each event', () => {
  const gone = 'tells listeners';
  const closedByUs = `destroys, ${gone}, closed: connection closed by us`;
  const closedByPeer = `${gone}, closed: connection closed → closed`;
  const broken = `${gone}, closed: ECONNRESET → closed`;
  const unread = `destroys, ${gone}, closed: connection closed by us, send failed: peer does not read → closed`;
  const open = {
    'it opens': '- → open',
    'a message': 'message → open',
    'half of one': '- → open',
    'CRLF CRLF': 'sends pong → open',
    CRLF: '- → open',
    'the peer closes': closedByPeer,
    'the connection breaks': broken,
    'send()': 'sends bytes → open',
    'send() to one that does not read': unread,
    'close()': `${closedByUs} → closed`,
    'ping()': 'sends ping, dead → open',
    '1 s of silence': '- → open',
    '5 s of silence': '- → open',
    '15 s of silence': '- → open',
  };
  /** Whatever comes in is a sign of life; a single CRLF is the answer that was asked for. */
  const asked = open;
  const drawn: Record<string, Record<string, string>> = {
    opening: {
      ...open,
      'a message': 'message → opening',
      'half of one': '- → opening',
      'CRLF CRLF': 'sends pong → opening',
      CRLF: '- → opening',
      'send()': 'sends bytes → opening',
      'ping()': 'sends ping, dead → opening',
      '1 s of silence': '- → opening',
      '5 s of silence': `${closedByUs} → closed`,
      '15 s of silence': `${closedByUs} → closed`,
    },
    'opening, bytes wait': {
      ...open,
      'a message': 'message → opening',
      'half of one': '- → opening',
      'CRLF CRLF': 'sends pong → opening',
      CRLF: '- → opening',
      'the peer closes': `${gone}, send failed: connection closed, closed: connection closed → closed`,
      'the connection breaks': `${gone}, send failed: ECONNRESET, closed: ECONNRESET → closed`,
      'send()': 'sends bytes → opening',
      'send() to one that does not read': `destroys, ${gone}, send failed: connection closed by us, closed: connection closed by us, send failed: peer does not read → closed`,
      'close()': `destroys, ${gone}, send failed: connection closed by us, closed: connection closed by us → closed`,
      'ping()': 'sends ping, dead → opening',
      '1 s of silence': '- → opening',
      '5 s of silence': `destroys, ${gone}, send failed: connection closed by us, closed: connection closed by us → closed`,
      '15 s of silence': `destroys, ${gone}, send failed: connection closed by us, closed: connection closed by us → closed`,
    },
    open,
    // One that has never answered may not know the question, and is not taken for dead.
    'open, asked the first time': asked,
    'open, asked one that answers': {
      ...asked,
      '15 s of silence': `destroys, ${gone}, closed: no answer to a keep-alive → closed`,
    },
    'open, framing lost': {
      ...open,
      'a message': '- → open',
      'half of one': '- → open',
      'CRLF CRLF': '- → open',
      'ping()': `sends ping, ${closedByUs}, dead → closed`,
      '1 s of silence': `${closedByUs} → closed`,
      '5 s of silence': `${closedByUs} → closed`,
      '15 s of silence': `${closedByUs} → closed`,
    },
    closed: Object.fromEntries(Object.keys(events).map((event) => [event, '- → closed'])),
  };
  // What a closed socket of Node still says comes to nobody; whoever sends hears so.
  Object.assign(drawn.closed as object, {
    'send()': 'send failed: connection is closed → closed',
    'send() to one that does not read': 'send failed: connection is closed → closed',
    'ping()': 'dead → closed',
    'close()': 'destroys → closed',
  });

  it.each(Object.keys(ways))('%s', async (state) => {
    const found: Record<string, string> = {};
    for (const [event, act] of Object.entries(events)) {
      const line = new Line();
      await ways[state]?.(line);
      line.log.length = 0;
      const done = act(line);
      if (event === 'ping()') await line.clock.advance(3_100);
      await done;
      await line.clock.advance(0);
      found[event] = `${line.log.join(', ') || '-'} → ${line.state}`;
      line.connection.close();
      expect(line.clock.pending, `${state}: ${event}`).toBe(0);
    }
    expect(found).toEqual(drawn[state]);
  });

  it('RFC 5626 4.4.1: a ping is answered by the CRLF after it, also where the peer sent a lone one long before', async () => {
    const line = new Line();
    line.wire.handlers.open();
    line.wire.handlers.data(Buffer.from('\r\n'));
    await line.pass(2_000);
    const asked = line.connection.ping(3_000);
    line.wire.handlers.data(Buffer.from('\r\n'));
    expect(await asked).toBe(true);
    line.connection.close();
    expect(line.clock.pending).toBe(0);
  });
});

describe('RFC 7118 5: a WebSocket in each state with each event', () => {
  const socketEvents: Record<string, (scene: Scene) => unknown> = {
    'a message': ({ far }) => far.send(message),
    'the peer closes': ({ far }) => far.close(),
    'the connection breaks': ({ far }) => far.terminate(),
    'send()': ({ flow, log }) =>
      flow.send(message, ({ message: why }) => void log.push(`send failed: ${why}`)),
    'close()': ({ flow }) => flow.close(),
    'terminate()': ({ flow }) => flow.terminate(),
    'ping()': async ({ flow, log, clock }) => {
      const asked = flow.ping(3_000).then((alive) => log.push(alive ? 'alive' : 'dead'));
      await clock.advance(3_100);
      await asked;
    },
  };
  interface Scene {
    clock: VirtualClock;
    far: MemoryWebSocket;
    flow: WebSocketFlow;
    log: string[];
    cut: boolean;
  }
  function scene(): Scene {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    const made = { clock, log, cut: false } as Scene;
    const link = { clock, delay: () => 1, passes: () => !made.cut };
    const { client, server } = MemoryWebSocket.pair(link);
    // As a page does it, RFC 7118 section 6.
    client.on('message', (data: Buffer) => {
      if (data.toString() === '\r\n\r\n') client.send('\r\n');
      else log.push('peer hears');
    });
    made.far = client;
    made.flow = new WebSocketFlow({
      id: 'ws:1',
      secure: false,
      socket: server,
      local: { host: '10.0.0.1', port: 80 },
      remote,
      sentBy: { host: '10.0.0.1', port: 80 },
      clock,
      limits,
    });
    made.flow.onClose(() => void log.push('tells listeners'));
    made.flow.run({ message: () => void log.push('message'), closed: () => void log.push('closed') });
    return made;
  }

  it.each<[string, (one: Scene) => unknown, Record<string, string>]>([
    [
      'open',
      () => {},
      {
        'a message': 'message → open',
        'the peer closes': 'tells listeners, closed → closed',
        'the connection breaks': 'tells listeners, closed → closed',
        'send()': 'peer hears → open',
        'close()': 'tells listeners, closed → closed',
        'terminate()': 'tells listeners, closed → closed',
        // The layer above passes over what is only white space.
        'ping()': 'message, alive → open',
      },
    ],
    [
      // Nobody is told that a network is gone; close() does not wait for it, and a ping finds out.
      'open, the network is gone',
      (one) => {
        one.cut = true;
      },
      {
        'a message': '- → open',
        'the peer closes': '- → open',
        'the connection breaks': '- → open',
        'send()': '- → open',
        'close()': 'tells listeners, closed → closed',
        'terminate()': 'tells listeners, closed → closed',
        'ping()': 'dead → open',
      },
    ],
    [
      'closed',
      (one) => one.flow.terminate(),
      {
        'a message': '- → closed',
        'the peer closes': '- → closed',
        'the connection breaks': '- → closed',
        'send()': 'send failed: WebSocket is closed → closed',
        'close()': '- → closed',
        'terminate()': '- → closed',
        'ping()': 'dead → closed',
      },
    ],
  ])('%s', async (_state, reach, expected) => {
    const found: Record<string, string> = {};
    for (const [event, act] of Object.entries(socketEvents)) {
      const one = scene();
      reach(one);
      await one.clock.advance(10);
      one.log.length = 0;
      await act(one);
      await one.clock.advance(1_500);
      found[event] = `${one.log.join(', ') || '-'} → ${one.flow.closed ? 'closed' : 'open'}`;
      one.flow.terminate();
    }
    expect(found).toEqual(expected);
  });
});
