import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';

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
