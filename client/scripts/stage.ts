/** The stage for screenshots: answers of the API and of the SIP server, put up inside the browser by Playwright. */
import { readFile } from 'node:fs/promises';
import type { BrowserContext, Page, Route, WebSocketRoute } from 'playwright-core';
import type * as Api from '../src/api/types.ts';

export const origin = 'http://localhost';
const dist = new URL('../dist/', import.meta.url);
const types: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  png: 'image/png',
  webmanifest: 'application/manifest+json',
};
const minute = 60_000;
/** The moment at which everything on the stage happens: pictures are the same whenever they are taken. */
export const now = Date.UTC(2026, 10, 22, 14, 30);

export const sip: Api.SipCredentials = {
  user: 'd7f3kq2m9x',
  password: 'pear-lantern-58-quiet',
  domain: 'localhost',
  realm: 'ringthrough',
  server: '127.0.0.1:5060',
  webSocketPath: '/sip',
};

function number(
  e164: string,
  primary: boolean,
  carrier: [string, string, string],
  c: string,
): Api.LinkedNumber {
  const [id, name, country] = carrier;
  return {
    number: e164,
    primary,
    carrier: { id, name, country, family: 'gsm', integrated: false },
    answerMode: 'both',
    forwarding: {
      cNumber: c,
      mode: 'manual',
      state: 'unknown',
      source: null,
      error: null,
      changedAt: null,
      noReplySeconds: null,
      noReplyChoices: [5, 10, 15, 20, 25, 30],
      commands: {
        activate: `**004*${c}#`,
        deactivate: '##004#',
        status: '*#004#',
        noReply: `**61*${c}**{seconds}#`,
        deactivateNoReply: '##61#',
      },
      check: null,
    },
    validatedAt: now,
  };
}

const carriers = [
  { id: 'lab-gsm', name: 'Lab GSM', country: 'US', family: 'gsm', integrated: false },
  { id: 'lab-cdma', name: 'Lab CDMA', country: 'US', family: 'cdma', integrated: false },
];
const mechanisms: Api.ValidationOptions['mechanisms'] = [
  { name: 'sms-code', challenge: 'enter-code' },
  { name: 'sms-confirm', challenge: 'confirm-sms' },
  { name: 'spoken-code', challenge: 'enter-code' },
  { name: 'keys', challenge: 'press-keys' },
  { name: 'missed-call', challenge: 'place-call' },
  { name: 'sms-from-client', challenge: 'send-sms' },
];

const notices: Api.Notice[] = [
  {
    id: 'n1',
    code: 'forwarding-lost',
    data: { number: '+14155550101' },
    createdAt: now - 30 * minute,
    seenAt: null,
  },
  {
    id: 'n2',
    code: 'number-lost',
    data: { number: '+14155550102' },
    createdAt: now - 300 * minute,
    seenAt: null,
  },
];

/** The account with what the scene wants to be different about its first number. */
function accountWith({ forwarding, unknownCarrier }: StageOptions): Api.Account {
  const [first, ...others] = account.numbers;
  if (!first?.forwarding) return account;
  const changed = { ...first, forwarding: { ...first.forwarding, ...forwarding } };
  const unknown = { ...first, carrier: null, forwarding: null };
  return { ...account, numbers: [unknownCarrier ? unknown : changed, ...others] };
}

const account: Api.Account = {
  id: 'a1',
  createdAt: now,
  numbers: [
    number('+14155550101', true, ['lab-gsm', 'Lab GSM', 'US'], '+14155559000'),
    number('+447700900123', false, ['lab-mobile-uk', 'Lab Mobile UK', 'GB'], '+447700900999'),
  ],
};

const call = (id: string, ago: number, more: Partial<Api.CallRecord>): Api.CallRecord => ({
  id,
  number: '+14155550101',
  caller: '+442071838750',
  reason: 'unreachable',
  arrivedAt: now - ago * minute,
  answeredAt: null,
  endedAt: now - ago * minute + 5000,
  durationMs: null,
  outcome: 'missed',
  device: null,
  codecs: null,
  quality: null,
  ...more,
});
const took = (id: string, name: string): Partial<Api.CallRecord> => ({
  outcome: 'answered',
  answeredAt: now,
  durationMs: 183_000,
  device: { id, name },
  codecs: { carrier: 'PCMA', client: 'opus' },
  quality: { carrier: null, client: { packetsReceived: 4490, packetsLost: 9, jitterMs: 4 } },
});

export const lists: Record<string, unknown> = {
  account,
  devices: [
    {
      id: 'd1',
      name: 'Chrome on Linux',
      system: 'Linux',
      kind: 'web',
      registered: true,
      lastSeenAt: now,
      current: true,
      session: { createdAt: now - 9000 * minute, lastUsedAt: now, expiresAt: now + 90_000 * minute },
    },
    {
      id: 'd2',
      name: 'Safari on iOS',
      system: 'iOS',
      kind: 'web',
      registered: true,
      lastSeenAt: now,
      current: false,
      session: { createdAt: now - 30_000 * minute, lastUsedAt: now, expiresAt: now + 90_000 * minute },
    },
    {
      id: 'd3',
      name: 'Desk phone',
      system: null,
      kind: 'softphone',
      registered: false,
      lastSeenAt: now - 3000 * minute,
      current: false,
      session: null,
    },
  ],
  calls: [
    call('c1', 12, took('d1', 'Chrome on Linux')),
    call('c2', 95, { ...took('d2', 'Safari on iOS'), caller: '+4930901820', number: '+447700900123' }),
    call('c3', 400, { outcome: 'voicemail', caller: '+33142685300' }),
    call('c4', 1700, { outcome: 'cancelled', caller: null }),
    call('c5', 2900, { outcome: 'declined', caller: '+14155550177', reason: 'busy' }),
  ],
  voicemails: [
    {
      id: 'v1',
      number: '+14155550101',
      caller: '+33142685300',
      storedAt: now - 400 * minute,
      durationMs: 24_000,
      heardAt: null,
    },
    {
      id: 'v2',
      number: '+447700900123',
      caller: '+442071838750',
      storedAt: now - 2800 * minute,
      durationMs: 71_000,
      heardAt: now,
    },
  ],
  notices: [],
};

export interface Stage {
  /** The SIP connection of the page, once it has registered. */
  line: Promise<WebSocketRoute>;
  /** Messages from the page, newest last. */
  received: string[];
  /** Resolves when the page has fetched the library that writes numbers. */
  numbers: Promise<void>;
}

export interface StageOptions {
  /** Without: everything that needs a login is answered 401. */
  signedIn: boolean;
  empty?: boolean;
  wrongCode?: boolean;
  /** How the number is proved; default: by SMS code. */
  challenge?: Api.Challenge;
  detail?: Api.ValidationDetail;
  /** The number does not tell its carrier. */
  askCarrier?: boolean;
  /** Of the first number. */
  forwarding?: Partial<Api.Forwarding>;
  /** Its carrier is not known. */
  unknownCarrier?: boolean;
  notices?: boolean;
  testCall?: Api.TestCallState;
  softphoneRegistered?: boolean;
  language?: string;
}

/** Serves the built client and everything it asks for. */
export async function setStage(context: BrowserContext, page: Page, options: StageOptions): Promise<Stage> {
  await page.clock.install({ time: now });
  const numbers = Promise.withResolvers<void>();
  await page.route(`${origin}/**`, async (route) => {
    await serveFile(route);
    if (/\/min-[^/]*\.js$/.test(route.request().url())) numbers.resolve();
  });
  await page.route(`${origin}/api/**`, (route) => serveApi(route, options));
  const stored: Record<string, string> = {};
  if (options.signedIn) stored['ringthrough.device'] = JSON.stringify(sip);
  if (options.language) stored['ringthrough.language'] = options.language;
  await context.addInitScript(`Object.assign(localStorage, ${JSON.stringify(stored)})`);
  const received: string[] = [];
  const line = Promise.withResolvers<WebSocketRoute>();
  await page.routeWebSocket(`${origin.replace('http', 'ws')}/sip`, (socket) => {
    socket.onMessage((data) => {
      const text = String(data);
      received.push(text);
      if (text.startsWith('REGISTER')) {
        socket.send(reply(text, '200 OK', [`Contact: ${header(text, 'Contact')}`]));
        line.resolve(socket);
      }
    });
  });
  return { line: line.promise, received, numbers: numbers.promise };
}

async function serveFile(route: Route): Promise<void> {
  const path = new URL(route.request().url()).pathname;
  const file = path === '/' ? 'index.html' : path.slice(1);
  const body = await readFile(new URL(file, dist)).catch(() => undefined);
  if (!body) return route.fulfill({ status: 404 });
  await route.fulfill({
    body,
    contentType: types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
  });
}

async function serveApi(route: Route, options: StageOptions): Promise<void> {
  const path = new URL(route.request().url()).pathname.replace('/api/', '');
  const method = route.request().method();
  if (path === 'events') return route.fulfill({ contentType: 'text/event-stream', body: 'retry: 60000\n\n' });
  if (path.startsWith('validations')) return serveValidation(route, path, method, options);
  if (!options.signedIn) return route.fulfill({ status: 401, json: { code: 'not-logged-in' } });
  if (path === 'devices' && method === 'POST') {
    return route.fulfill({ status: 201, json: { device: { id: 'd3', name: 'Desk phone' }, sip } });
  }
  if (path.endsWith('/set-up')) {
    const link = {
      path: '/api/set-up/kM3w0Hn5Qx8sVtYb2LrEzA7uJc4DfGpW1iN6oK9mBqT',
      expiresAt: now + 10 * minute,
    };
    return route.fulfill({ status: 201, json: link });
  }
  if (path.endsWith('/test-call')) return serveTestCall(route, method, options);
  const value = path === 'account' ? accountWith(options) : listOf(path, options);
  if (value === undefined) return route.fulfill({ status: 404, json: { code: 'not-found' } });
  await route.fulfill({ json: options.empty && Array.isArray(value) ? [] : value });
}

function listOf(path: string, options: StageOptions): unknown {
  if (path === 'notices') return options.notices ? notices : [];
  if (path === 'devices' && options.softphoneRegistered) {
    return (lists.devices as Api.Device[]).map((device) => ({ ...device, registered: true }));
  }
  return lists[path];
}

/** The last step of a test call stays: the page waits for the next one. */
async function serveTestCall(route: Route, method: string, { testCall }: StageOptions): Promise<void> {
  if (method === 'POST') return route.fulfill({ status: 202, json: { state: testCall ?? 'calling' } });
  await new Promise(() => undefined);
}

async function serveValidation(
  route: Route,
  path: string,
  method: string,
  options: StageOptions,
): Promise<void> {
  const { challenge = { kind: 'enter-code', digits: 6, by: 'sms' }, detail = null, askCarrier } = options;
  if (path === 'validations/options') {
    const body = route.request().postDataJSON() as { carrierId?: string };
    const known = !askCarrier || body.carrierId !== undefined;
    return route.fulfill({
      json: { number: '+14155550101', carrier: known ? carriers[0] : null, carriers, mechanisms },
    });
  }
  if (path === 'validations') {
    const mechanism = mechanisms.find((one) => one.challenge === challenge.kind)?.name ?? 'sms-code';
    return route.fulfill({
      status: 201,
      json: { id: 'v', number: '+14155550101', mechanism, challenge, expiresAt: now + 10 * minute },
    });
  }
  if (path.endsWith('/check')) {
    return options.wrongCode
      ? route.fulfill({ status: 422, json: { code: 'wrong-code', attemptsLeft: 4 } })
      : route.fulfill({ json: { proof: 'p' } });
  }
  if (method === 'DELETE') return route.fulfill({ status: 204 });
  // A long poll: news at once, and then none.
  const seen = new URL(route.request().url()).searchParams.get('seen');
  if (seen === detail) await new Promise(() => undefined);
  await route.fulfill({ json: { state: 'pending', detail, attemptsLeft: 5 } });
}

function header(message: string, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, 'im').exec(message)?.[1]?.trim() ?? '';
}

function reply(request: string, status: string, more: string[]): string {
  const copied = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => `${name}: ${header(request, name)}`);
  const to = `To: ${header(request, 'To')};tag=stage`;
  return [`SIP/2.0 ${status}`, ...copied, to, ...more, 'Content-Length: 0', '', ''].join('\r\n');
}

/** A call of the carrier to the page: INVITE, ACK of its answer, CANCEL. */
export class StageCall {
  readonly #stage: Stage;
  readonly #id: string;
  readonly #caller: string;

  constructor(stage: Stage, id: string, caller: string) {
    this.#stage = stage;
    this.#id = id;
    this.#caller = caller;
  }

  async invite(sdp: string): Promise<void> {
    await this.#send(
      'INVITE',
      this.#contact(),
      [
        'Contact: <sip:stage@127.0.0.1:5060;transport=ws>',
        'P-Called-Party-ID: <sip:+14155550101@localhost>',
        'Content-Type: application/sdp',
      ],
      sdp,
    );
  }

  async cancel(cause: number): Promise<void> {
    await this.#send('CANCEL', this.#contact(), [`Reason: SIP;cause=${cause};text="x"`], '');
  }

  /** The SDP of the page's 200, which is acknowledged. */
  async answer(): Promise<string> {
    const ok = await this.#find((message) => message.startsWith('SIP/2.0 200') && message.includes(this.#id));
    const to = header(ok, 'To');
    await this.#send('ACK', this.#contact(), [], '', to);
    return ok.slice(ok.indexOf('\r\n\r\n') + 4);
  }

  async #find(matches: (message: string) => boolean): Promise<string> {
    for (let round = 0; round < 100; round++) {
      const found = this.#stage.received.find(matches);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the page did not answer');
  }

  #contact(): string {
    const register = this.#stage.received.find((message) => message.startsWith('REGISTER')) ?? '';
    return /<(sip:[^>]+)>/.exec(header(register, 'Contact'))?.[1] ?? '';
  }

  async #send(
    method: string,
    uri: string,
    more: string[],
    body: string,
    to = `<sip:${sip.user}@localhost>`,
  ): Promise<void> {
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/WS stage.invalid;branch=z9hG4bK${this.#id}${method === 'ACK' ? 'ack' : ''}`,
      'Max-Forwards: 70',
      `From: <sip:${this.#caller}@localhost>;tag=${this.#id}`,
      `To: ${to}`,
      `Call-ID: ${this.#id}`,
      `CSeq: 1 ${method}`,
      ...more,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    (await this.#stage.line).send(`${lines.join('\r\n')}\r\n\r\n${body}`);
  }
}
