import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, api, request, whenUnauthenticated } from './client.ts';
import { keepSession } from './session-keeper.ts';

/** A server whose access token has expired, until it is refreshed. */
let expired: boolean;
let refresh: 'ok' | 'over' | 'down';
let seen: string[];
let server: Server;
let unauthenticated: number;
let stored: Map<string, string>;
const realFetch = globalThis.fetch;

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

beforeAll(async () => {
  server = createServer((incoming, response) => {
    incoming.resume();
    seen.push(`${incoming.method} ${incoming.url}`);
    if (incoming.url === '/api/sessions/refresh') {
      if (refresh === 'down') {
        incoming.socket.destroy();
        return;
      }
      if (refresh === 'over') answer(response, 401, { code: 'not-logged-in' });
      else {
        expired = false;
        answer(response, 200, { expiresAt: 1 });
      }
      return;
    }
    if (expired && refresh !== 'over') answer(response, 401, { code: 'not-logged-in' });
    else if (expired && !incoming.url?.startsWith('/api/validations')) {
      answer(response, 401, { code: 'not-logged-in' });
    } else answer(response, 200, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  globalThis.fetch = (path, init) => realFetch(`http://127.0.0.1:${port}${path}`, init);
  whenUnauthenticated(() => {
    unauthenticated += 1;
  });
});

afterAll(async () => {
  globalThis.fetch = realFetch;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  expired = true;
  refresh = 'ok';
  seen = [];
  unauthenticated = 0;
  stored = new Map();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const refreshes = () => seen.filter((one) => one === 'POST /api/sessions/refresh').length;

describe('an access token that has expired', () => {
  it('is exchanged, and the request goes out again', async () => {
    await api.account();
    expect(seen).toEqual(['GET /api/account', 'POST /api/sessions/refresh', 'GET /api/account']);
    expect(unauthenticated).toBe(0);
  });

  it('is exchanged once for all requests of a page', async () => {
    await Promise.all([api.account(), api.devices(), api.notices(), api.voicemails()]);
    expect(refreshes()).toBe(1);
  });

  it('ends the session when the server says so', async () => {
    refresh = 'over';
    await expect(api.account()).rejects.toMatchObject({ code: 'not-logged-in' });
    expect([refreshes(), unauthenticated]).toEqual([1, 1]);
  });

  it('does not keep a person without a session from proving a number', async () => {
    refresh = 'over';
    await request('GET', '/validations/v');
    expect(unauthenticated).toBe(0);
  });

  it('is no end of the session when the network fails', async () => {
    refresh = 'down';
    const error = await api.account().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'offline' });
    expect(unauthenticated).toBe(0);
  });

  it('is not exchanged again when another tab has done it since', async () => {
    stored.set('ringthrough.refreshed', String(Date.now() + 1000));
    const exchange = vi.fn(async () => 'kept' as const);
    expect(await keepSession(Date.now(), exchange)).toBe('kept');
    expect(exchange).not.toHaveBeenCalled();
    expect(await keepSession(Date.now() + 2000, exchange)).toBe('kept');
    expect(exchange).toHaveBeenCalledOnce();
  });

  it('is exchanged by one tab at a time', async () => {
    const order: string[] = [];
    const locks = {
      request: async (_name: string, work: () => Promise<unknown>) => {
        order.push('asked');
        const result = await work();
        order.push('given back');
        return result;
      },
    };
    vi.stubGlobal('navigator', { locks });
    await keepSession(Date.now(), async () => {
      order.push('exchanged');
      return 'kept';
    });
    expect(order).toEqual(['asked', 'exchanged', 'given back']);
  });
});
