import fc, { type Arbitrary } from 'fast-check';
import {
  awkwardText,
  damaged,
  fitting,
  type JsonSchema,
  type KnownValues,
} from './schema-arbitrary.testing.ts';

interface MediaTypes {
  content?: Record<string, { schema?: JsonSchema }>;
}

interface DescribedOperation {
  parameters?: Array<{ name: string; in: string; required?: boolean; schema: JsonSchema }>;
  requestBody?: MediaTypes;
  responses: Record<string, MediaTypes>;
}

/** The part of an OpenAPI document that requests and answers are about. */
export interface OpenApi {
  paths: Record<string, Record<string, DescribedOperation>>;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Operation extends DescribedOperation {
  method: Method;
  path: string;
}

export interface FuzzRequest {
  method: Method;
  url: string;
  headers: Record<string, string>;
  payload?: string;
}

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      path,
      method: method.toUpperCase() as Method,
    })),
  );
}

const bodySchema = ({ requestBody }: Operation): JsonSchema | undefined =>
  requestBody?.content?.['application/json']?.schema;

/** Requests that fit the operation's schemas. */
export function fittingRequest(operation: Operation, known: KnownValues): Arbitrary<FuzzRequest> {
  const schema = bodySchema(operation);
  const body = schema ? fitting(schema, known).map((value) => JSON.stringify(value)) : fc.constant(undefined);
  return fc
    .tuple(parameters(operation, known, fitting), body)
    .map(([values, payload]) => request(operation, values, payload));
}

/** Requests with something wrong: in the URL, the query, the body or how it is sent. */
export function brokenRequest(operation: Operation, known: KnownValues): Arbitrary<FuzzRequest> {
  const schema = bodySchema(operation) ?? {};
  const text = damaged(schema, known).map((value) => JSON.stringify(value));
  const body = fc.oneof(
    { weight: 4, arbitrary: text },
    { weight: 1, arbitrary: fc.tuple(text, fc.nat(20)).map(([whole, cut]) => whole.slice(0, cut)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', '[', '\0', '{"a":1}{', '"', '['.repeat(10_000), 'x'.repeat(70_000)),
    },
  );
  const type = fc.constantFrom(
    ...['application/json', 'application/json', 'application/json', 'application/json; charset=utf-16'],
    ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/xml', '/', ''],
  );
  const wrong = (schema: JsonSchema, some: KnownValues, name: string) =>
    fc.oneof(fitting(schema, some, name), awkwardText, fc.constant([1, 2]));
  const query = fc.option(fc.tuple(awkwardText, awkwardText), { nil: undefined });
  return fc
    .tuple(parameters(operation, known, wrong), body, type, query)
    .map(([values, payload, sent, more]) => {
      const made = request(operation, values, payload);
      if (more) made.url += `${made.url.includes('?') ? '&' : '?'}${more.map(escaped).join('=')}`;
      return { ...made, headers: { ...made.headers, 'content-type': sent } };
    });
}

type Values = Record<string, unknown>;

function parameters(
  { parameters: all = [] }: Operation,
  known: KnownValues,
  make: (schema: JsonSchema, known: KnownValues, name: string) => Arbitrary<unknown>,
): Arbitrary<Values> {
  const required = all.filter(({ required }) => required === true).map(({ name }) => name);
  return fc.record(Object.fromEntries(all.map(({ name, schema }) => [name, make(schema, known, name)])), {
    requiredKeys: required,
  });
}

function request(operation: Operation, values: Values, payload: string | undefined): FuzzRequest {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => escaped(values[name]));
  const query = (operation.parameters ?? [])
    .filter(({ name, in: place }) => place === 'query' && name in values)
    .map(({ name }) => `${name}=${escaped(values[name])}`)
    .join('&');
  return {
    method: operation.method,
    url: query === '' ? path : `${path}?${query}`,
    headers: payload === undefined ? {} : { 'content-type': 'application/json' },
    ...(payload === undefined ? {} : { payload }),
  };
}

/** As in a URL; what is escaped already, such as `%00`, stays so: a decoder meets it. */
function escaped(value: unknown): string {
  const text = String(value);
  return /^%/.test(text) ? text.replace(/\s/g, '') : encodeURIComponent(text.toWellFormed());
}
