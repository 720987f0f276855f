import { z } from 'zod';
import { configSchema } from './config-schema.ts';

const prefix = 'RINGTHROUGH_';
/** Not keys of the file. */
const reserved = ['RINGTHROUGH_CONFIG'];

interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
}

export interface EnvironmentSetting {
  variable: string;
  path: string[];
  value: unknown;
}

/**
 * The settings given as environment variables: `http.port` is `RINGTHROUGH_HTTP_PORT`, `calls.ringTimeoutSeconds`
 * is `RINGTHROUGH_CALLS_RING_TIMEOUT_SECONDS`. Lists are written as JSON.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): {
  settings: EnvironmentSetting[];
  unknown: string[];
} {
  const known = environmentKeys();
  const settings: EnvironmentSetting[] = [];
  const unknown: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || reserved.includes(variable) || text === undefined) continue;
    const key = known.get(variable);
    if (key) settings.push({ variable, path: key.path, value: parseValue(text, key.type) });
    else unknown.push(variable);
  }
  return { settings, unknown };
}

/** The variable that sets a key, such as `RINGTHROUGH_SIP_PORT` for `['sip', 'port']`. */
export function variableFor(path: readonly string[]): string {
  return prefix + path.map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_');
}

function environmentKeys(): Map<string, { path: string[]; type: string | undefined }> {
  const keys = new Map<string, { path: string[]; type: string | undefined }>();
  const walk = (schema: JsonSchema, path: string[]): void => {
    if (!schema.properties) {
      keys.set(variableFor(path), { path, type: schema.type });
      return;
    }
    for (const [name, member] of Object.entries(schema.properties)) walk(member, [...path, name]);
  };
  walk(z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema, []);
  return keys;
}

/** What does not parse stays text, and the schema then says what was expected. */
function parseValue(text: string, type: string | undefined): unknown {
  if (type === 'integer' || type === 'number') {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    return Number.isNaN(number) ? text : number;
  }
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  if (type !== 'array') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
