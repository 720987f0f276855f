import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema } from './config-schema.ts';
import { problems } from './problem.ts';

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

interface Setting {
  properties?: Record<string, Setting>;
  default?: unknown;
}

function rows(setting: Setting, path: string[] = []): Array<[key: string, byDefault: string]> {
  if (setting.properties) {
    return Object.entries(setting.properties).flatMap(([name, member]) => rows(member, [...path, name]));
  }
  const { default: value } = setting;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [[path.join('.'), text === undefined ? '' : `\`${text}\``]];
}

describe('documentation', () => {
  it('names every setting with its default, and no other', () => {
    const page = read('configuration.md');
    const written = [...page.matchAll(/^\| `([^`]+)` \| (\S*) ?\|/gm)].map(([, key, value]) => [key, value]);
    expect(written).toEqual(rows(z.toJSONSchema(configSchema, { io: 'input' }) as Setting));
  });

  it('names every error code with its status, and no other', () => {
    const written = [...read('api.md').matchAll(/^\| (\d+) \| `([^`]+)` \| (.*) \|$/gm)].map(
      ([, status, code, title]) => [code, { status: Number(status), title }],
    );
    expect(Object.fromEntries(written)).toEqual(problems);
  });
});
