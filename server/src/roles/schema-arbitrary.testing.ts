import fc, { type Arbitrary } from 'fast-check';

/** JSON Schema as OpenAPI 3.1 has it, as far as the API's document uses it; a test fails on what is not known here. */
export interface JsonSchema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** Values of properties and parameters that mean something to the service, by name. */
export type KnownValues = Record<string, readonly unknown[]>;

/** What programs stumble over. */
const awkward = [
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '\u202E',
    '\uD800',
    '𝒳',
    'null',
    'NaN',
    '-1',
    '1e999',
    '../..',
    '%00',
    '%',
    '"',
    '\\',
  ],
  ...[
    "' or 1=1 --",
    '{{x}}',
    '<b>',
    '__proto__',
    'constructor',
    '+14155550101',
    '+999',
    '١٢٣',
    '\r\nX: y',
    '00',
  ],
  ...['a'.repeat(80), '9'.repeat(64), '🇫🇷'.repeat(30)],
];

/** Whatever the service does with these, it stays on this machine, where nobody listens on that port. */
const places: ReadonlyArray<[name: RegExp, place: string]> = [
  [/(url|uri|root|origin)$/i, 'http://127.0.0.1:9/fuzz'],
  [/(host|server|proxy|address)$/i, '127.0.0.1'],
];

/** Values that fit the schema. Those that are `known` by the name of the property come often. */
export function fitting(schema: JsonSchema, known: KnownValues = {}, name = ''): Arbitrary<unknown> {
  const place = places.find(([pattern]) => pattern.test(name))?.[1];
  if (place !== undefined) return fc.constant(place);
  const meaningful = known[name];
  const any = plain(schema, known);
  return meaningful === undefined || meaningful.length === 0
    ? any
    : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...meaningful) }, { weight: 1, arbitrary: any });
}

function plain(schema: JsonSchema, known: KnownValues): Arbitrary<unknown> {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((one) => plain(one, known)));
  if (schema.allOf)
    return fc.tuple(...schema.allOf.map((one) => plain(one, known))).map((all) => Object.assign({}, ...all));
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => plain({ ...schema, type }, known)));
  }
  switch (schema.type) {
    case 'string':
      return text(schema);
    case 'integer':
    case 'number':
      return number(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(plain(schema.items ?? {}, known), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 5, 8),
      });
    case 'object':
      return object(schema, known);
    case undefined:
      return fc.jsonValue();
    default:
      throw new Error(`a type of schema that is not known here: ${schema.type}`);
  }
}

function text({ minLength = 0, maxLength = 200, pattern, format }: JsonSchema): Arbitrary<string> {
  const fits = (value: string) => value.length >= minLength && value.length <= maxLength;
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, 'u')).filter(fits);
  if (format === 'uri') return fc.webUrl().filter(fits);
  const some = fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 200) }).filter(fits);
  const hard = awkward.filter(fits);
  return hard.length === 0 ? some : fc.oneof(some, fc.constantFrom(...hard));
}

function number(schema: JsonSchema): Arbitrary<number> {
  const min = schema.minimum ?? schema.exclusiveMinimum ?? -1e15;
  const max = schema.maximum ?? schema.exclusiveMaximum ?? 1e15;
  const integer = fc.integer({
    min: Math.ceil(min) + (schema.exclusiveMinimum === undefined ? 0 : 1),
    max: Math.floor(max) - (schema.exclusiveMaximum === undefined ? 0 : 1),
  });
  if (schema.type === 'integer') return integer;
  return fc.oneof(integer, fc.double({ min, max, noNaN: true, minExcluded: true, maxExcluded: true }));
}

function object(schema: JsonSchema, known: KnownValues): Arbitrary<Record<string, unknown>> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const declared = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, fitting(one, known, name)])),
    { requiredKeys: required },
  );
  if (typeof additionalProperties !== 'object') return declared;
  const names = schema.propertyNames
    ? text(schema.propertyNames)
    : fc.string({ minLength: 1, maxLength: 20 });
  return fc
    .tuple(fc.dictionary(names, plain(additionalProperties, known), { maxKeys: 4 }), declared)
    .map(([more, some]) => ({ ...more, ...some }));
}

/** Values that once fitted and were damaged in one place; they may fit by chance. */
export function damaged(schema: JsonSchema, known: KnownValues): Arbitrary<unknown> {
  const wrong = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(...awkward, 1e300, -0.5, [], {}, null, 'x'.repeat(5000)),
  );
  const inside = fc
    .tuple(plain(schema, known), fc.nat(), wrong, fc.constantFrom('change', 'remove', 'add'))
    .map(([value, at, other, how]) => {
      if (typeof value !== 'object' || value === null) return other;
      const names = Object.keys(value);
      const name = names[at % Math.max(1, names.length)];
      if (how === 'add' || name === undefined) return { ...value, unheardOf: other };
      const { [name]: _, ...rest } = value as Record<string, unknown>;
      return how === 'remove' ? rest : { ...rest, [name]: other };
    });
  return fc.oneof({ weight: 4, arbitrary: inside }, { weight: 1, arbitrary: wrong });
}

/** Text in a place of the URL where anything may stand. */
export const awkwardText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...awkward),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
);
