import { ExecutionCount, fuzzBudget, fuzzTimeoutMs } from '@ringthrough/sip/testing';
import fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../config-schema.ts';
import { type ProblemCode, problems } from '../problem.ts';
import {
  brokenRequest,
  type FuzzRequest,
  fittingRequest,
  type OpenApi,
  type Operation,
  operationsOf,
} from './openapi-requests.testing.ts';
import type { JsonSchema, KnownValues } from './schema-arbitrary.testing.ts';
import { goodPassword, Person, TestHouse } from './testing.ts';

vi.setConfig({ testTimeout: fuzzTimeoutMs, hookTimeout: 60_000 });

const operatorToken = 'operator-token-of-the-fuzz-test-of-the-api';
const executions = new ExecutionCount('API');
let house: TestHouse;
let person: Person;
let numbers = 0;
let operations: Operation[];

/** Nobody is sent away for asking often. */
function withoutLimits(section: 'http' | 'validation'): Record<string, unknown> {
  const defaults = configSchema.parse({})[section];
  return Object.fromEntries(
    Object.entries(defaults).flatMap(([key, value]) =>
      typeof value === 'number' && /Per(Hour|Minute|[A-Z]\w+Per)/.test(key) ? [[key, 1_000_000]] : [],
    ),
  );
}

beforeAll(async () => {
  house = await TestHouse.open({
    http: withoutLimits('http'),
    validation: withoutLimits('validation'),
    operator: { token: operatorToken },
  });
  operations = operationsOf((await house.app.inject('/api/docs/json')).json<OpenApi>());
  await renew();
});
afterAll(async () => {
  executions.report();
  await house?.close();
});

/** Somebody with an account; the one before may have closed theirs. */
async function renew(): Promise<void> {
  person = new Person(house);
  const proof = await prove(person, 'sign-up');
  const device = { name: 'Laptop', system: 'Linux' };
  const answer = await person.call('POST', '/api/accounts', { proof, password: goodPassword, device });
  expect(answer.statusCode, answer.body).toBe(201);
}

/** Of a number that nobody has, unless one is given. SMS of requests before may still come in meanwhile. */
async function prove(by: Person, purpose: string, number = newNumber()): Promise<string> {
  const { received } = house.smsCentre;
  let seen = received.length;
  const started = await by.call('POST', '/api/validations', { number, purpose });
  expect(started.statusCode, started.body).toBe(201);
  const { id } = started.json<{ id: string }>();
  for (;;) {
    await house.smsCentre.count(seen + 1);
    const { to, text } = received[seen] ?? { to: '', text: '' };
    seen += 1;
    const code = to === number ? /code is (\d+)/.exec(text)?.[1] : undefined;
    if (code === undefined) continue;
    const checked = await by.call('POST', `/api/validations/${id}/check`, { code });
    if (checked.statusCode === 200) return checked.json<{ proof: string }>().proof;
  }
}

function newNumber(): string {
  numbers += 1;
  return `+1415${String(5_560_000 + numbers)}`;
}

/** The values of the person who has them; those that are good once are made anew for operations that take them. */
let cached: { of: Person; values: KnownValues } | undefined;

async function knownFor(operation: Operation): Promise<KnownValues> {
  await renewIfGone();
  const takesOnce = /"(proof|token)"/.test(JSON.stringify([operation.requestBody, operation.parameters]));
  if (cached === undefined || cached.of !== person || takesOnce) {
    cached = { of: person, values: await knownValues() };
  }
  return cached.values;
}

async function renewIfGone(): Promise<void> {
  if ((await person.call('GET', '/api/account')).statusCode === 401) await renew();
}

/** What means something to the service, read afresh. */
async function knownValues(): Promise<KnownValues> {
  const account = await person.call('GET', '/api/account');
  const ids = async (path: string) =>
    (await person.call('GET', path)).json<Array<{ id: string }>>().map(({ id }) => id);
  const own = account.json<{ numbers: Array<{ number: string }> }>().numbers.map(({ number }) => number);
  const started = await person.call('POST', '/api/validations', { number: newNumber(), purpose: 'login' });
  const validation = started.json<{ id?: string }>().id ?? 'none';
  return {
    number: [...own, '+14155550177', '(415) 555-0188', '+447700900123', '+4930123456'],
    region: ['US', 'GB', 'ZZ', 'us'],
    id: [...(await ids('/api/devices')), ...(await ids('/api/notices')), validation, 'us', 'uk', 'known'],
    carrierId: ['us', 'uk', 'nobody'],
    password: [goodPassword, 'another good password'],
    current: [goodPassword],
    refreshToken: [person.refreshCookie],
    code: ['000000', '123456'],
    proof: [
      await prove(new Person(house), 'sign-up'),
      await prove(person, 'link'),
      await prove(person, 'login', own[0]),
    ],
    header: ['X-Fuzz'],
    from: ['From', '+14155551000'],
    to: ['+14155551999'],
    smpp: [undefined],
    token: ['a token of sixteen characters or more', await setUpToken()],
    // Waiting is tested where it is about waiting.
    waitSeconds: [0, 0.01],
  };
}

/** Of a link with which a softphone sets itself up. */
async function setUpToken(): Promise<string> {
  const added = await person.call('POST', '/api/devices', { name: 'Softphone' });
  const { id } = added.json<{ device?: { id: string } }>().device ?? { id: 'none' };
  const link = await person.call('POST', `/api/devices/${id}/set-up`);
  return link.json<{ path?: string }>().path?.split('/').at(-1) ?? 'none';
}

const identities = {
  nobody: () => ({}),
  person: () => ({
    'x-requested-with': 'ringthrough',
    cookie: `ringthrough_session=${person.cookie}; ringthrough_refresh=${person.refreshCookie}`,
  }),
  'person without the header': () => ({ cookie: `ringthrough_session=${person.cookie}` }),
  operator: () => ({ authorization: `Bearer ${operatorToken}` }),
  carrier: () => ({ authorization: `Bearer ${house.smsCentre.token}` }),
  forger: () => ({
    authorization: 'Bearer \u00e9\u00e9',
    cookie: 'ringthrough_session=%00; ringthrough_refresh="',
  }),
} satisfies Record<string, () => Record<string, string>>;

type Identity = keyof typeof identities;

async function send(
  identity: Identity,
  { headers, ...request }: FuzzRequest,
): Promise<LightMyRequestResponse> {
  executions.one();
  const answer = await house.app.inject({
    ...request,
    headers: { ...headers, ...identities[identity]() },
    // A stream of events never ends: its head is its answer.
    payloadAsStream: true,
  });
  return answer;
}

const problemShape = z.looseObject({
  type: z.templateLiteral(['urn:ringthrough:problem:', z.string()]),
  title: z.string().min(1),
  status: z.int(),
  detail: z.string().min(1),
  code: z.string(),
});

/** RFC 9457, with a code that docs/api.md lists (docs.test.ts), under the status that belongs to it. */
function expectProblem(answer: LightMyRequestResponse, text: string): ProblemCode {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const body = problemShape.parse(JSON.parse(text));
  const code = body.code as ProblemCode;
  expect(Object.keys(problems)).toContain(code);
  expect([answer.statusCode, body.status]).toEqual([problems[code].status, problems[code].status]);
  expect(body.type).toBe(`urn:ringthrough:problem:${code}`);
  return code;
}

const validators = new Map<JsonSchema, z.ZodType>();
function validator(schema: JsonSchema): z.ZodType {
  const made = validators.get(schema) ?? z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  validators.set(schema, made);
  return made;
}

async function read(answer: LightMyRequestResponse): Promise<string> {
  const stream = answer.stream();
  if (/^text\/event-stream/.test(String(answer.headers['content-type']))) {
    stream.destroy();
    return '';
  }
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString();
}

/** No 5xx, errors are documented problems, the rest is what the document says. @returns the problem's code, or the status */
async function expectDescribed(operation: Operation, answer: LightMyRequestResponse): Promise<string> {
  const text = await read(answer);
  const { statusCode } = answer;
  expect(statusCode, text).toBeLessThan(500);
  if (statusCode >= 400) {
    const code = expectProblem(answer, text);
    const described = operation.responses[statusCode] ?? operation.responses.default;
    expect(described?.content?.['application/problem+json'], 'the document tells of errors').toBeDefined();
    return code;
  }
  const described = operation.responses[statusCode];
  expect(described, `status ${statusCode} is not in the document`).toBeDefined();
  const schema = described?.content?.['application/json']?.schema;
  if (schema) {
    const verdict = validator(schema).safeParse(JSON.parse(text));
    expect(verdict.error?.issues ?? [], `the answer does not fit its schema: ${text}`).toEqual([]);
  } else if (statusCode === 204) expect(text).toBe('');
  return String(statusCode);
}

/** Sends what is made for each operation, of everybody. @returns what was answered, by operation */
async function fuzz(
  make: typeof fittingRequest,
  who: readonly Identity[],
  runs: number,
): Promise<Map<string, Set<string>>> {
  const seen = new Map<string, Set<string>>();
  const budget = fuzzBudget(runs);
  // Half of the time is for what comes between: people who sign up anew.
  const limit = Math.ceil(budget.interruptAfterTimeLimit / 2 / operations.length);
  for (const operation of operations) {
    const name = `${operation.method} ${operation.path}`;
    const answers = new Set<string>();
    seen.set(name, answers);
    const property = fc.asyncProperty(
      make(operation, await knownFor(operation)),
      fc.constantFrom(...who),
      async (request, identity) => {
        const answer = await send(identity, request);
        try {
          answers.add(await expectDescribed(operation, answer));
        } catch (error) {
          throw new Error(`${name} (${identity}): ${(error as Error).message}`, { cause: error });
        }
        if (answer.statusCode === 401 && identity.startsWith('person')) await renewIfGone();
      },
    );
    await fc.assert(property, { ...budget, interruptAfterTimeLimit: limit });
  }
  return seen;
}

describe('every operation of the OpenAPI document', () => {
  it('is described: what it takes, what it gives, and that it may refuse', () => {
    expect(operations.length).toBeGreaterThan(20);
    for (const { method, path, responses, parameters = [] } of operations) {
      const name = `${method} ${path}`;
      expect(
        Object.keys(responses).filter((status) => /^2/.test(status)),
        name,
      ).not.toEqual([]);
      expect(responses.default?.content?.['application/problem+json'], name).toBeDefined();
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      expect(
        parameters
          .filter((one) => one.in === 'path')
          .map((one) => one.name)
          .sort(),
        name,
      ).toEqual(inPath.sort());
    }
  });

  it('answers requests that fit, of somebody with an account', async () => {
    const seen = await fuzz(fittingRequest, ['person'], 25);
    // What fits the document is not only ever refused as not fitting: else the requests were about nothing.
    const onlyRefused = [...seen].filter(([, answers]) =>
      [...answers].every((code) => code === 'bad-request'),
    );
    expect(onlyRefused.map(([name]) => name)).toEqual([]);
    const succeeded = [...seen].filter(([, answers]) => [...answers].some((code) => code.startsWith('2')));
    expect(succeeded.length).toBeGreaterThan(operations.length / 2);
  });

  it('answers requests that fit, of operators, carriers, strangers, forgers and other sites', async () => {
    await fuzz(fittingRequest, ['operator', 'carrier', 'nobody', 'forger', 'person without the header'], 25);
  });

  it('answers requests that are broken, of anybody', async () => {
    await fuzz(brokenRequest, Object.keys(identities) as Identity[], 30);
  });
});

it('what is no operation is a problem as well', async () => {
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
  const path = fc.webPath().map((text) => `/api${text}`);
  await fc.assert(
    fc.asyncProperty(method, path, async (method, url) => {
      if (operations.some((one) => one.path === url.split('?')[0])) return;
      const answer = await house.app.inject({ method, url });
      // The pages that show the document are for people.
      if (!url.startsWith('/api/docs')) expectProblem(answer, answer.body);
    }),
    fuzzBudget(100),
  );
});
