import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { changeableHeaders, trunkSchema } from './config-trunks.ts';

const carrierWith = (...trunks: string[]) =>
  `sip: { tls: { cert: a, key: b, ca: c } }
carriers:
  - { id: c, name: C, country: US, family: gsm, prefixes: ['+1'], cNumber: '+14155559000', trunks: [${trunks.join(', ')}] }`;

function faultsOf(...trunks: string[]): string {
  try {
    parseConfig(carrierWith(...trunks));
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('trunks in the configuration', () => {
  it('may prove themselves by address, block, digest or certificate, or be for our calls alone', () => {
    const { carriers } = parseConfig(
      carrierWith(
        '{ host: 192.0.2.1, port: 5060 }',
        "{ host: '2001:db8::/64', maxConcurrentCalls: 3 }",
        '{ digest: { username: u, password: p } }',
        '{ id: sbc, tls: { name: sbc.carrier.example } }',
        "{ outbound: { uri: 'sip:carrier.example', headers: [{ do: set, header: x-tag, value: a }] } }",
      ),
    );
    expect(carriers[0]?.trunks).toHaveLength(5);
    expect(carriers[0]?.trunks[4]?.outbound).toMatchObject({ priority: 1, weight: 1, optionsSeconds: 30 });
  });

  it.each([
    ['{ maxConcurrentCalls: 3 }', 'needs host, digest or tls'],
    ['{ host: sbc.carrier.example }', 'must be an IP address, or a block'],
    ['{ digest: { username: u, password: p }, port: 5060 }', 'means nothing without host'],
    ["{ outbound: { uri: 'sbc.carrier.example' } }", 'must be a SIP URI'],
    ["{ outbound: { uri: 'sip:a.example', username: u } }", 'username and password belong together'],
    [
      "{ outbound: { uri: 'sip:a.example', register: { address: 'sip:u@a.example' } } }",
      'needs username and password',
    ],
    ['{ host: 192.0.2.1, headers: [{ do: remove, header: Via }] }', 'must be one of P-Asserted-Identity'],
    [
      '{ host: 192.0.2.1, headers: [{ do: set, header: Contact, value: x }] }',
      'must be one of P-Asserted-Identity',
    ],
    [
      '{ host: 192.0.2.1, headers: [{ do: copy, header: Privacy, from: Call-ID }] }',
      'must be one of P-Asserted-Identity',
    ],
    [
      '{ host: 192.0.2.1, headers: [{ do: set, header: Privacy, value: "a\\r\\nVia: x" }] }',
      'must be one line of text',
    ],
    ['{ id: 2, host: 192.0.2.1 }', 'id'],
  ])('%s is refused: %s', (trunk, fault) => {
    expect(faultsOf(trunk)).toContain(fault);
  });

  it('by certificate need to know whose certificates are believed', () => {
    const text = carrierWith('{ tls: { name: sbc.carrier.example } }').replace(', ca: c', '');
    expect(() => parseConfig(text)).toThrow('needs sip.tls with ca');
  });

  it('have names of their own', () => {
    expect(faultsOf('{ id: "2", host: 192.0.2.1 }', '{ host: 192.0.2.2 }')).toContain(
      'two trunks have the same id',
    );
    expect(faultsOf('{ host: 192.0.2.1 }', '{ host: 192.0.2.2 }')).toBe('');
  });
});

describe('docs/trunks.md', () => {
  const page = readFileSync(new URL('../../docs/trunks.md', import.meta.url), 'utf8');

  interface Setting {
    properties?: Record<string, Setting>;
    default?: unknown;
    description?: string;
  }
  const rows = (setting: Setting, path: string[] = []): string[] => {
    if (setting.properties)
      return Object.entries(setting.properties).flatMap(([name, member]) => rows(member, [...path, name]));
    const { default: value, description = '' } = setting;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [`| \`${path.join('.')}\` | ${text === undefined ? '' : `\`${text}\``} | ${description} |`];
  };

  it('names every key of a trunk with its default, and no other', () => {
    const table = page.slice(page.indexOf('## Every key of a trunk')).split('\n');
    const written = table.filter((line) => line.startsWith('| `'));
    expect(written).toEqual(rows(z.toJSONSchema(trunkSchema, { io: 'input' }) as Setting));
  });

  it('names every header that a rule may change', () => {
    for (const name of changeableHeaders) expect(page).toContain(name);
  });

  it('has an example that is one', () => {
    const [, example = ''] = /```yaml\n([^`]*)```/.exec(page) ?? [];
    const { carriers } = parseConfig(`sip: { tls: { cert: a, key: b, ca: c } }\n${example}`);
    expect(carriers[0]?.trunks.map(({ id }) => id)).toEqual(['sbc', 'secure', 'retail']);
  });
});
