import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TakenPart } from './carrier.ts';
import { HttpCarrier, type PostToSelf } from './http-carrier.ts';

let server: Server;
let base: string;
let status = 202;
let requests: Array<{ request: IncomingMessage; body: string }>;
let taken: TakenPart[];
let headers: Record<string, string>;
const words = { id: 'sms-1', to: '+14155550101', text: 'Grüße @host #1' };
const sms = { ...words, reference: 7, validUntil: Number.POSITIVE_INFINITY };

beforeEach(async () => {
  status = 202;
  requests = [];
  taken = [];
  headers = { location: '/elsewhere' };
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    requests.push({ request, body });
    if (status === 0) return;
    response.writeHead(status, headers).end('thanks');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const postToSelf: PostToSelf = async (path, message) => {
  const answer = await fetch(base + path, { method: 'POST', ...message, redirect: 'error' });
  return { status: answer.status };
};
const carrier = (url: string, timeoutMs = 10_000) =>
  new HttpCarrier({ url, token: 'secret', from: '+14155559000', postToSelf, timeoutMs, parallel: 8 });
const progress = () => ({ taken, took: async (part: TakenPart) => void taken.push(part) });
const send = (url: string, timeoutMs?: number) =>
  carrier(url, timeoutMs).send(sms, progress(), new AbortController().signal);

describe('HttpCarrier', () => {
  it('posts JSON with the bearer token, and notes that it was taken', async () => {
    expect(await send(`${base}/sms`)).toEqual({ result: 'accepted' });
    const [{ request, body } = { request: undefined, body: '' }] = requests;
    expect(request?.method).toBe('POST');
    expect(request?.headers.authorization).toBe('Bearer secret');
    expect(JSON.parse(body)).toEqual({ ...words, from: '+14155559000' });
    expect(taken).toEqual([{ part: 1, parts: 1, providerId: 'sms-1' }]);
  });

  it('does not post again what was taken', async () => {
    taken = [{ part: 1, parts: 1, providerId: 'sms-1' }];
    expect(await send(`${base}/sms`)).toEqual({ result: 'accepted' });
    expect(requests).toEqual([]);
  });

  it('takes a URL that is a path for this server', async () => {
    expect((await send('/lab/api/sms')).result).toBe('accepted');
    expect(requests[0]?.request.url).toBe('/lab/api/sms');
  });

  it.each([
    [200, 'accepted'],
    [302, 'later'],
    [400, 'rejected'],
    [401, 'rejected'],
    [404, 'rejected'],
    [408, 'later'],
    [429, 'later'],
    [500, 'later'],
    [503, 'later'],
  ])('takes %i for %s', async (code, result) => {
    status = code;
    expect((await send(`${base}/sms`)).result).toBe(result);
    expect(requests).toHaveLength(1);
    expect(taken).toHaveLength(result === 'accepted' ? 1 : 0);
  });

  it.each([
    [429, '7', 7000],
    [503, '30', 30_000],
    [503, '999999', 3_600_000],
    [500, '7', undefined],
    [429, 'Wed, 21 Oct 2026 07:28:00 GMT', undefined],
  ])('waits as long as %i with Retry-After %s says', async (code, after, retryInMs) => {
    status = code;
    headers['retry-after'] = after;
    expect(await send(`${base}/sms`)).toEqual({
      result: 'later',
      why: `HTTP ${code}`,
      ...(retryInMs ? { retryInMs } : {}),
    });
  });

  it('tries later when nobody is there or nobody answers', async () => {
    status = 0;
    const controller = new AbortController();
    const sending = carrier(`${base}/sms`).send(sms, progress(), controller.signal);
    server.once('request', () => controller.abort());
    expect((await sending).result).toBe('later');
    expect(await send(`${base}/sms`, 20)).toEqual({ result: 'later', why: 'TimeoutError' });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await send(base)).toEqual({ result: 'later', why: 'ECONNREFUSED' });
  });

  it('is up as long as it answers, whatever', async () => {
    const one = carrier(`${base}/sms`, 20);
    status = 429;
    await one.send(sms, progress(), new AbortController().signal);
    expect(one.stats()).toEqual({ up: true, throttled: 1 });
    status = 0;
    await one.send(sms, progress(), new AbortController().signal);
    expect(one.stats().up).toBe(false);
  });
});
