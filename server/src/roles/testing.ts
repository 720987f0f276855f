import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { stringify } from 'yaml';
import { type Config, parseConfig } from '../config.ts';
import { LocalFabric } from '../fabric/index.ts';
import { type CallEntry, createHttpServer, type VoicemailEntry } from '../http/index.ts';
import { createLogger, type Logger } from '../log.ts';
import { loadMasterKey, openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { createServices, type Services } from './services.ts';
import { validationGauges } from './validation-gauges.ts';

export interface ReceivedSms {
  id: string;
  from: string;
  to: string;
  text: string;
}

/** A carrier's SMS centre: the far end of the webhook, over real HTTP. `answers` are given before 202s. */
export class SmsCentre {
  readonly token = 'sms-centre-token';
  readonly received: ReceivedSms[] = [];
  readonly authorisations: Array<string | undefined> = [];
  readonly answers: number[] = [];
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();

  constructor() {
    this.#server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      this.authorisations.push(request.headers.authorization);
      const status = this.answers.shift() ?? 202;
      if (status < 300) this.received.push(JSON.parse(body) as ReceivedSms);
      response.writeHead(status).end();
      for (const look of [...this.#waiting]) look();
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/sms`;
  }

  /** Resolves once that many messages have come. */
  async count(wanted: number): Promise<void> {
    await this.until(() => this.received.length >= wanted);
  }

  /** Looks again after every request that came in. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Everything behind the API without SIP and media, on a database of its own. */
export class TestHouse {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringthrough-api-'));
  readonly smsCentre = new SmsCentre();
  readonly logLines: string[] = [];
  readonly fabric = new LocalFabric((error) => {
    throw error;
  });
  /** Numbers whose forwarding was to be checked. */
  readonly checked: string[] = [];
  readonly callLog: CallEntry[] = [];
  readonly voicemails: VoicemailEntry[] = [];
  audioPath: string | undefined;
  now = Date.parse('2026-11-21T12:00:00Z');
  store!: Store;
  #database: TestDatabase | undefined;
  services!: Services;
  app!: FastifyInstance;
  rebuild!: () => Promise<void>;

  /** @param settings beside those that every test wants; may depend on where the SMS centre is */
  static async open(
    settings:
      | Record<string, unknown>
      | ((sms: { url: string; token: string }) => Record<string, unknown>) = {},
  ): Promise<TestHouse> {
    const house = new TestHouse();
    await house.smsCentre.listen();
    const sms = { url: house.smsCentre.url, token: house.smsCentre.token };
    const trunks = [{ host: '127.0.0.1', port: 5070 }];
    const config = parseConfig(
      stringify({
        lab: { enabled: false },
        // The smallest allowed: these tests are about everything around the hash.
        accounts: { argon2MemoryKib: 8192, argon2Passes: 1 },
        http: { requestsPerAddressPerMinute: 10_000, loginsPerAddressPerMinute: 10_000 },
        carriers: [
          { ...us, cNumber: '+14155559000', trunks, sms },
          { ...uk, cNumber: '+447700900999', trunks: [{ host: '127.0.0.1', port: 5071 }], sms },
        ],
        ...(typeof settings === 'function' ? settings(sms) : settings),
      }),
    );
    await house.#build(config);
    return house;
  }

  async #build(config: Config): Promise<void> {
    const log = createLogger(
      { level: 'trace', destination: 'none' },
      { write: (line) => this.logLines.push(line) },
    );
    const now = () => this.now;
    this.#database = await TestDatabase.create();
    this.store = await openStore(this.#database.options);
    const masterKey = loadMasterKey(this.folder);
    const { store, fabric } = this;
    const postToSelf = async () => ({ status: 404 });
    this.services = createServices({ config, store, fabric, log, masterKey, postToSelf, now });
    this.services.sms.start();
    this.rebuild = async () => {
      this.app = await this.#createApp(config, log);
    };
    await this.rebuild();
  }

  async #createApp(config: Config, log: Logger): Promise<FastifyInstance> {
    const { app } = await createHttpServer({
      ...this.services,
      config,
      log,
      fabric: this.fabric,
      forwardingChecks: { begin: async (_account, number) => void this.checked.push(number) },
      calls: { history: async () => this.callLog },
      testCalls: { start: () => 'calling', state: async () => undefined },
      voicemails: {
        voicemails: async () => this.voicemails,
        voicemailAudio: async (_account, id) => (id === 'known' ? this.audioPath : undefined),
        markHeard: async (_account, id) => id === 'known',
        discard: async () => {},
        delete: async (_account, id) => id === 'known',
      },
      smsWebhooks: this.services.sms.webhooks,
      sipServer: () => '127.0.0.1:5060',
      version: '0.0.0',
      clientFolder: join(this.folder, 'client'),
      gauges: [
        { name: 'ringthrough_test', help: 'For the test', read: () => 7 },
        ...validationGauges(this.services.validations),
      ],
    });
    return app;
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.services.sms.close();
    await this.store.destroy();
    await this.smsCentre.close();
    this.#database?.remove();
    rmSync(this.folder, { recursive: true });
  }
}

const us = { id: 'us', name: 'Test US', country: 'US', family: 'gsm', prefixes: ['+1'] };
const uk = { id: 'uk', name: 'Test UK', country: 'GB', family: 'gsm', prefixes: ['+44'] };

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Somebody who uses the API: a browser with its cookies. */
export class Person {
  readonly house: TestHouse;
  /** The access token. */
  cookie: string | undefined;
  refreshCookie: string | undefined;

  constructor(house: TestHouse) {
    this.house = house;
  }

  /** As the client does it: when the access token has expired, it is exchanged first. */
  async call(
    method: Method,
    url: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<LightMyRequestResponse> {
    const answer = await this.once(method, url, body, headers);
    if (answer.statusCode !== 401 || answer.json<{ code: string }>().code !== 'not-logged-in') return answer;
    if (this.refreshCookie === undefined || (await this.refresh()).statusCode !== 200) return answer;
    return this.once(method, url, body, headers);
  }

  async once(
    method: Method,
    url: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<LightMyRequestResponse> {
    return this.#send({ method, url, body, headers }, { ringthrough_session: this.cookie });
  }

  refresh(): Promise<LightMyRequestResponse> {
    const cookies = { ringthrough_session: this.cookie, ringthrough_refresh: this.refreshCookie };
    return this.#send({ method: 'POST', url: '/api/sessions/refresh' }, cookies);
  }

  async #send(
    request: {
      method: Method;
      url: string;
      body?: object | undefined;
      headers?: Record<string, string>;
    },
    cookies: Record<string, string | undefined>,
  ): Promise<LightMyRequestResponse> {
    const { method, url, body, headers } = request;
    const cookie = Object.entries(cookies).flatMap(([name, value]) => (value ? [`${name}=${value}`] : []));
    const answer = await this.house.app.inject({
      method,
      url,
      headers: {
        'x-requested-with': 'ringthrough',
        ...(cookie.length > 0 ? { cookie: cookie.join('; ') } : {}),
        ...headers,
      },
      ...(body ? { payload: body } : {}),
    });
    for (const { name, value } of answer.cookies) {
      if (name === 'ringthrough_session') this.cookie = value || undefined;
      if (name === 'ringthrough_refresh') this.refreshCookie = value || undefined;
    }
    return answer;
  }

  /** Starts a validation and reads the code from the SMS. */
  async code(number: string, purpose: string): Promise<{ id: string; code: string }> {
    const { received } = this.house.smsCentre;
    const before = received.length;
    const started = await this.call('POST', '/api/validations', { number, purpose });
    if (started.statusCode !== 201) throw new Error(`validation refused: ${started.body}`);
    await this.house.smsCentre.count(before + 1);
    return { id: started.json<{ id: string }>().id, code: /code is (\d+)/.exec(received[before]!.text)![1]! };
  }

  async prove(number: string, purpose: string): Promise<string> {
    const { id, code } = await this.code(number, purpose);
    const checked = await this.call('POST', `/api/validations/${id}/check`, { code });
    if (checked.statusCode !== 200) throw new Error(`code refused: ${checked.body}`);
    return checked.json<{ proof: string }>().proof;
  }

  async signUp(number: string, password: string = goodPassword): Promise<LightMyRequestResponse> {
    const proof = await this.prove(number, 'sign-up');
    return this.call('POST', '/api/accounts', { proof, password, device });
  }

  async link(number: string): Promise<LightMyRequestResponse> {
    return this.call('POST', '/api/account/numbers', { proof: await this.prove(number, 'link') });
  }
}

export const goodPassword = 'correct horse battery';
export const device = { name: 'Laptop', system: 'Linux' };
