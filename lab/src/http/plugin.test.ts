import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { Lab } from '../lab.ts';
import { defaultCarriers, defaultSmsToken } from '../model/defaults.ts';
import { labPlugin } from './plugin.ts';

const own = '+14155550101';
const caller = '+12125550199';
const sms = { id: 's1', from: 'Ringthrough', to: own, text: 'Your code is 123456.' };
const authorization = `Bearer ${defaultSmsToken}`;

let lab: Lab;
let app: FastifyInstance;
let folder: string;

/** No far end is needed here: calls stay inside the lab. */
const options = () => ({
  server: { host: '127.0.0.1', port: 9 },
  carriers: defaultCarriers().map((carrier) => ({ ...carrier, sipPort: 0 })),
  stateFile: join(folder, 'lab.json'),
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lab-'));
  lab = new Lab(options());
  await lab.start();
  app = Fastify();
  await app.register(labPlugin({ lab }), { prefix: '/lab' });
});

afterEach(async () => {
  await app.close();
  await lab.close();
  rmSync(folder, { recursive: true });
});

const post = (path: string, payload?: object, headers = {}) =>
  app.inject({
    method: 'POST',
    url: `/lab/api${path}`,
    headers,
    ...(payload === undefined ? {} : { payload }),
  });
const get = (path: string) => app.inject({ url: `/lab/api${path}` });

describe('the SMS webhook', () => {
  it('takes a message once', async () => {
    expect((await post('/sms', sms, { authorization })).statusCode).toBe(202);
    const again = await post('/sms', sms, { authorization });
    expect([again.statusCode, again.json().result]).toEqual([202, 'duplicate']);
    expect((await get(`/handsets/${own}/inbox`)).json()).toHaveLength(1);
  });

  it.each([
    ['no token', sms, {}, 401, 'unauthorized'],
    ['a wrong token', sms, { authorization: 'Bearer nonsense' }, 401, 'unauthorized'],
    ['a number no SIM has', { ...sms, to: '+19995550000' }, { authorization }, 404, 'unknown-handset'],
    ['a missing field', { id: 'x' }, { authorization }, 400, 'bad-input'],
  ])('refuses %s', async (_, payload, headers, status, code) => {
    const response = await post('/sms', payload, headers);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(response.headers['content-type']).toContain('application/problem+json');
  });
});

describe('REST', () => {
  it('drives a whole call between two handsets', async () => {
    const dialled = await post(`/handsets/${caller}/dial`, { number: own });
    expect(dialled.json()).toMatchObject({ kind: 'call', call: { state: 'alerting', called: own } });
    const { id } = dialled.json().call;
    expect((await post(`/handsets/${own}/answer`)).json().state).toBe('active');
    expect((await post(`/handsets/${own}/speak`, { toneHz: 800, durationMs: 1000 })).json().durationMs).toBe(
      1000,
    );
    expect((await get(`/handsets/${caller}/hears`)).json()).toHaveProperty('levelDb');
    expect((await post(`/handsets/${caller}/keys`, { keys: '12' })).statusCode).toBe(204);
    expect((await post(`/handsets/${caller}/hangup`)).json().release).toMatchObject({
      by: 'caller',
      q850: 16,
    });
    const ladder = (await get(`/calls/${id}/ladder`)).json().map((entry: { label: string }) => entry.label);
    expect(ladder).toEqual(expect.arrayContaining(['SETUP', 'ALERTING', 'CONNECT', 'DISCONNECT']));
  });

  it('answers a code like the network does', async () => {
    const response = await post(`/handsets/${own}/dial`, { number: '**004*+14155559000#' });
    expect(response.json()).toMatchObject({ kind: 'service', ok: true, title: 'Call forwarding' });
    const handset = (await get(`/handsets/${encodeURIComponent(own)}`)).json();
    expect(handset.forwardings['not-reachable']).toMatchObject({ to: '+14155559000', active: true });
  });

  it.each([
    ['an unknown handset', `/handsets/+19990000000/dial`, { number: own }, 404, 'unknown-handset'],
    ['a wrong number', `/handsets/${caller}/dial`, { number: '12' }, 422, 'bad-number'],
    ['hanging up without a call', `/handsets/${caller}/hangup`, undefined, 409, 'no-call'],
    ['an unknown sentence', `/handsets/${caller}/speak`, { prompt: 'no' }, 404, 'unknown-prompt'],
    ['an empty body', `/handsets/${caller}/dial`, {}, 400, 'bad-input'],
    ['an unknown scenario', '/scenarios/none', undefined, 404, 'unknown-scenario'],
  ])('says what is wrong with %s', async (_, path, payload, status, code) => {
    const response = await post(path, payload);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
  });

  it('lets no other web page in', async () => {
    const foreign = { origin: 'https://evil.example', host: 'localhost:8080' };
    expect((await post(`/handsets/${caller}/hangup`, undefined, foreign)).json().code).toBe('cross-site');
    const marked = { 'sec-fetch-site': 'cross-site' };
    expect((await post(`/handsets/${caller}/hangup`, undefined, marked)).statusCode).toBe(403);
  });

  it('sends an SMS, places a missed call, and switches the carrier’s voicemail', async () => {
    const sent = await post(`/handsets/${caller}/sms`, { to: own, text: 'Hello' });
    expect([sent.statusCode, sent.json().state]).toEqual([202, 'delivered']);
    expect((await get('/sms')).json()).toMatchObject([{ from: caller, to: own, text: 'Hello' }]);
    await post(`/handsets/${caller}/dial`, { number: own, ringMs: 10 });
    await vi.waitFor(async () => expect((await get(`/handsets/${own}`)).json().state).toBe('idle'));
    expect((await get('/calls')).json()).toMatchObject([{ release: { by: 'caller' }, answeredAt: null }]);
    const path = `/lab/api/handsets/${own}/voicemail`;
    const on = await app.inject({ method: 'PUT', url: path, payload: { on: true } });
    expect(on.json().carrierVoicemail.on).toBe(true);
  });

  it('puts the machines of a carrier out of order, and in order again', async () => {
    const patch = (payload: object) =>
      app.inject({ method: 'PATCH', url: '/lab/api/carriers/lab-gsm', payload });
    expect((await patch({ sms: 'throttled' })).json().condition.sms).toBe('throttled');
    expect((await post('/sms', sms, { authorization })).statusCode).toBe(429);
    await patch({ sms: 'down' });
    expect((await post('/sms', sms, { authorization })).statusCode).toBe(503);
    await patch({ sms: 'up', redirection: 'both' });
    expect((await post('/sms', sms, { authorization })).statusCode).toBe(202);
    expect((await get('/carriers')).json()[0]).toMatchObject({ redirection: 'both' });
    expect((await patch({ sms: 'tired' })).statusCode).toBe(400);
  });

  it('gives the ladder away as text and as a capture', async () => {
    const { call } = (await post(`/handsets/${caller}/dial`, { number: own })).json();
    const text = await get(`/calls/${call.id}/ladder.txt`);
    expect(text.body).toContain('handset:+12125550199 -> switch:lab-gsm  SETUP');
    const pcap = await get(`/calls/${call.id}/ladder.pcap`);
    expect(pcap.headers['content-disposition']).toContain('.pcap');
    expect(pcap.rawPayload.readUInt32LE(0)).toBe(0xa1b2c3d4);
    expect((await get('/calls/none/ladder.pcap')).statusCode).toBe(404);
  });

  it('loads a scenario', async () => {
    expect((await post('/scenarios/no-coverage')).json()).toHaveProperty('hint');
    const states = (await get('/handsets'))
      .json()
      .map((one: { role: string; state: string }) => [one.role, one.state]);
    expect(states).toEqual(
      expect.arrayContaining([
        ['own', 'no-coverage'],
        ['caller', 'idle'],
      ]),
    );
  });
});

describe('the page', () => {
  async function serve(webRoot: string, url: string, method: 'GET' | 'HEAD' = 'GET') {
    const other = Fastify();
    await other.register(labPlugin({ lab, webRoot }), { prefix: '/lab' });
    const response = await other.inject({ url, method });
    await other.close();
    return response;
  }

  it('is served from its folder, also without the slash and with a query', async () => {
    writeFileSync(join(folder, 'index.html'), '<title>lab</title>');
    expect((await serve(folder, '/lab/')).body).toBe('<title>lab</title>');
    expect((await serve(folder, '/lab?scenario=fresh')).headers.location).toBe('/lab/?scenario=fresh');
  });

  it('is there for HEAD as well, with and without the slash', async () => {
    writeFileSync(join(folder, 'index.html'), '<title>lab</title>');
    const page = await serve(folder, '/lab/', 'HEAD');
    expect([page.statusCode, page.body]).toEqual([200, '']);
    const moved = await serve(folder, '/lab', 'HEAD');
    expect([moved.statusCode, moved.headers.location]).toEqual([302, '/lab/']);
  });

  it('says how to build it when it is not there', async () => {
    const response = await serve(join(folder, 'nothing'), '/lab/');
    expect([response.statusCode, response.body]).toEqual([503, expect.stringContaining('vite build lab')]);
  });
});

describe('a restart', () => {
  it('keeps forwardings, coverage, inboxes and waiting messages', async () => {
    lab.dial(own, '**62*+14155559000#');
    lab.setRedirection('lab-gsm', 'both');
    lab.setCoverage(own, 'off');
    await post('/sms', sms, { authorization });
    await lab.close();
    const next = new Lab(options());
    expect(next.handset(own)).toMatchObject({
      coverage: 'off',
      waitingSms: 1,
      forwardings: { 'not-reachable': { to: '+14155559000' } },
    });
    expect(next.carriers()[0]?.redirection).toBe('both');
    next.setCoverage(own, 'covered');
    expect(next.handset(own).inbox).toMatchObject([{ id: 's1' }]);
    await next.close();
  });

  it('names a state file that is none', () => {
    writeFileSync(join(folder, 'lab.json'), '{"version":9}');
    expect(() => new Lab(options())).toThrow(/lab\.json is not a state file/);
  });
});

describe('live', () => {
  let port: number;
  beforeEach(async () => {
    port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  });

  it('streams state and ladder', async () => {
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/lab/api/events`, { signal: abort.signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value ?? '';
    expect(text).toContain('event: state\ndata: {"carriers"');
    lab.dial(caller, own);
    while (!text.includes('"state":"alerting"')) text += (await reader.read()).value ?? '';
    expect(text).toContain('event: ladder');
    abort.abort();
  });

  it('carries a microphone in and sound out over the WebSocket, and closes with the call', async () => {
    lab.dial(caller, own);
    lab.answer(own);
    const { id } = lab.calls()[0]!;
    const open = (number: string) =>
      new WebSocket(`ws://127.0.0.1:${port}/lab/api/audio/${id}?handset=${encodeURIComponent(number)}`);
    const mouth = open(caller);
    const ear = open(own);
    await Promise.all([mouth, ear].map((socket) => new Promise((resolve) => socket.once('open', resolve))));
    const loud = new Promise<void>((resolve) =>
      ear.on('message', (data: Buffer) => {
        expect(data.length).toBe(320);
        if (data.readInt16LE(0) === 1234) resolve();
      }),
    );
    mouth.send(Buffer.from(new Int16Array(320).fill(1234).buffer));
    await loud;
    const closed = new Promise((resolve) => mouth.once('close', resolve));
    lab.hangUp(caller);
    expect(await closed).toBe(1000);
  });

  it.each([
    ['a call nobody knows', {}, 404],
    ['a foreign page', { origin: 'https://evil.example' }, 403],
  ])('refuses audio for %s', async (_, headers, status) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/lab/api/audio/nothing`, { headers });
    const code = await new Promise((resolve) =>
      socket.once('unexpected-response', (request, response) => {
        request.destroy();
        resolve(response.statusCode);
      }),
    );
    expect(code).toBe(status);
  });
});
