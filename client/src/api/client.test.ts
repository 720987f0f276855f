import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, api, request, whenUnauthenticated } from './client.ts';

let answer: (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let unauthenticated = 0;
const realFetch = globalThis.fetch;

beforeAll(async () => {
  server = createServer((incoming, response) => answer(incoming, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // In the browser the paths are relative to the page.
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
  unauthenticated = 0;
});

function problem(status: number, body: object | string, headers: Record<string, string> = {}): void {
  answer = (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('the API client', () => {
  it('sends JSON with the header against forged requests', async () => {
    let seen: IncomingMessage | undefined;
    let body = '';
    answer = (incoming, response) => {
      seen = incoming;
      incoming.on('data', (chunk) => {
        body += chunk;
      });
      incoming.on('end', () => response.writeHead(200).end('{"proof":"p"}'));
    };
    await expect(api.checkCode('a/b', '123456')).resolves.toEqual({ proof: 'p' });
    expect(seen?.url).toBe('/api/validations/a%2Fb/check');
    expect(seen?.headers['x-requested-with']).toBe('ringthrough');
    expect(JSON.parse(body)).toEqual({ code: '123456' });
  });

  it('escapes the plus of a number', async () => {
    let url: string | undefined;
    answer = (incoming, response) => {
      url = incoming.url;
      response.writeHead(204).end();
    };
    await api.delinkNumber('+447700900123');
    expect(url).toBe('/api/account/numbers/%2B447700900123');
  });

  it('gives a problem its code, status and further members', async () => {
    problem(422, {
      type: 'about:blank',
      title: 'Wrong code',
      status: 422,
      code: 'wrong-code',
      attemptsLeft: 3,
    });
    const error = await failure(api.checkCode('v', '000000'));
    expect(error).toMatchObject({ status: 422, code: 'wrong-code' });
    expect(error.number('attemptsLeft')).toBe(3);
  });

  it('takes the waiting time from Retry-After when the problem has none', async () => {
    problem(429, { code: 'too-many-sends' }, { 'retry-after': '90' });
    expect(
      (await failure(api.startValidation({ number: '1', region: 'US', purpose: 'login' }))).number(
        'retryAfter',
      ),
    ).toBe(90);
  });

  it('reports a wrong password, and not the end of the session', async () => {
    problem(401, { code: 'wrong-credentials' });
    const error = await failure(api.logIn({ number: '+1', password: 'x', device: { name: '', system: '' } }));
    expect(error.code).toBe('wrong-credentials');
    expect(unauthenticated).toBe(0);
  });

  it('says bad-answer for what is no problem document', async () => {
    problem(502, '<html>Bad gateway</html>');
    expect(await failure(api.account())).toMatchObject({ status: 502, code: 'bad-answer' });
    answer = (_request, response) => response.writeHead(200).end('not json');
    expect(await failure(api.account())).toMatchObject({ status: 200, code: 'bad-answer' });
  });

  it('says offline when no answer comes', async () => {
    answer = (incoming) => incoming.socket.destroy();
    expect(await failure(request('GET', '/account'))).toMatchObject({ status: 0, code: 'offline' });
  });
});
