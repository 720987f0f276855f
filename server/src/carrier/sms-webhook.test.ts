import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PostToSelf, SmsWebhook } from './index.ts';

let server: Server;
let base: string;
let status = 202;
let requests: Array<{ request: IncomingMessage; body: string }>;
const sms = { id: 'sms-1', to: '+14155550101', text: 'Grüße @host #1' };

beforeEach(async () => {
  status = 202;
  requests = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    requests.push({ request, body });
    if (status === 0) return;
    response.writeHead(status, { location: '/elsewhere' }).end('thanks');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const postToSelf: PostToSelf = async (path, message) =>
  (await fetch(base + path, { method: 'POST', ...message, redirect: 'error' })).status;
const webhook = (url: string) =>
  new SmsWebhook({ sms: { url, token: 'secret' }, from: '+14155559000', postToSelf });
const unaborted = () => new AbortController().signal;

describe('SmsWebhook', () => {
  it('posts JSON with the bearer token', async () => {
    expect(await webhook(`${base}/sms`).send(sms, unaborted())).toEqual({ result: 'accepted' });
    const [{ request, body } = { request: undefined, body: '' }] = requests;
    expect(request?.method).toBe('POST');
    expect(request?.headers.authorization).toBe('Bearer secret');
    expect(JSON.parse(body)).toEqual({ ...sms, from: '+14155559000' });
  });

  it('takes a URL that is a path for this server', async () => {
    expect((await webhook('/lab/api/sms').send(sms, unaborted())).result).toBe('accepted');
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
    expect((await webhook(`${base}/sms`).send(sms, unaborted())).result).toBe(result);
    expect(requests).toHaveLength(1);
  });

  it('tries later when nobody is there or nobody answers', async () => {
    status = 0;
    const controller = new AbortController();
    const sending = webhook(`${base}/sms`).send(sms, controller.signal);
    server.once('request', () => controller.abort());
    expect((await sending).result).toBe('later');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await webhook(base).send(sms, unaborted())).toEqual({ result: 'later', why: 'ECONNREFUSED' });
  });
});
