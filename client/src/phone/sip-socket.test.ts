import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type WebSocket as ServerSocket, WebSocketServer } from 'ws';
import { SipSocket } from './sip-socket.ts';

let server: WebSocketServer;
let socket: SipSocket;
/** Connections that the server has accepted and nobody has looked at yet. */
let accepted: ServerSocket[];
let waiting: ((socket: ServerSocket) => void) | undefined;

function nextConnection(): Promise<ServerSocket> {
  const first = accepted.shift();
  if (first) return Promise.resolve(first);
  return new Promise((resolve) => {
    waiting = resolve;
  });
}

const called = (set: (listener: () => void) => void) => new Promise<void>((resolve) => set(resolve));

beforeEach(async () => {
  accepted = [];
  waiting = undefined;
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'sip' });
  server.on('connection', (connection) => {
    if (waiting) waiting(connection);
    else accepted.push(connection);
    waiting = undefined;
  });
  await new Promise((resolve) => server.once('listening', resolve));
  socket = new SipSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/sip`);
});

afterEach(async () => {
  vi.useRealTimers();
  socket.disconnect();
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
});

async function connect(): Promise<ServerSocket> {
  const connected = called((listener) => {
    socket.onconnect = listener;
  });
  socket.connect();
  const [connection] = await Promise.all([nextConnection(), connected]);
  return connection;
}

describe('the socket under JsSIP', () => {
  it('speaks the sip subprotocol and passes messages both ways', async () => {
    const connection = await connect();
    expect(connection.protocol).toBe('sip');
    expect(socket).toMatchObject({ via_transport: 'WS' });
    const up = new Promise((resolve) => connection.once('message', (data) => resolve(String(data))));
    expect(socket.send('OPTIONS')).toBe(true);
    expect(await up).toBe('OPTIONS');
    const down = new Promise((resolve) => {
      socket.ondata = resolve;
    });
    connection.send('SIP/2.0 200 OK');
    expect(await down).toBe('SIP/2.0 200 OK');
  });

  it('reports a lost connection once, and poke connects again at once', async () => {
    const connection = await connect();
    let losses = 0;
    const lost = called((listener) => {
      socket.ondisconnect = () => {
        losses += 1;
        listener();
      };
    });
    connection.terminate();
    await lost;
    expect(socket.send('x')).toBe(false);
    const again = called((listener) => {
      socket.onconnect = listener;
    });
    socket.poke();
    await Promise.all([nextConnection(), again]);
    expect(socket.isConnected()).toBe(true);
    expect(losses).toBe(1);
  });

  it('asks for a sign of life when poked, and gives up a connection that answered before and is silent now', async () => {
    const connection = await connect();
    const pinged = new Promise((resolve) => connection.once('message', (data) => resolve(String(data))));
    socket.poke();
    expect(await pinged).toBe('\r\n\r\n');
    const ponged = new Promise((resolve) => {
      socket.ondata = resolve;
    });
    connection.send('\r\n');
    await ponged;
    vi.useFakeTimers();
    const lost = called((listener) => {
      socket.ondisconnect = () => listener();
    });
    socket.poke();
    vi.advanceTimersByTime(3000);
    await lost;
    expect(socket.isConnected()).toBe(false);
  });

  it('keeps a connection to a server that has never answered a ping', async () => {
    await connect();
    vi.useFakeTimers();
    socket.poke();
    vi.advanceTimersByTime(10_000);
    expect(socket.isConnected()).toBe(true);
  });

  it('does not connect by itself after disconnect', async () => {
    await connect();
    socket.disconnect();
    socket.poke();
    expect(socket.isConnecting()).toBe(false);
    expect(socket.isConnected()).toBe(false);
  });
});
