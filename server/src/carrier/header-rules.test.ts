import { SipRequest } from '@ringthrough/sip';
import { describe, expect, it } from 'vitest';
import type { HeaderRule } from '../config.ts';
import { applyHeaderRules } from './header-rules.ts';

const invite = () =>
  new SipRequest('INVITE', 'sip:+14155559000@203.0.113.1', {
    headers: [
      ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1'],
      ['From', '"Ann" <sip:+12125550199@carrier.example>;tag=abc'],
      ['To', '<sip:+14155559000@203.0.113.1>'],
      ['X-Redirected', '<sip:+14155550101@carrier.example>'],
      ['X-Redirected', '<sip:+14155550102@carrier.example>'],
      ['Diversion', '<sip:+1@old.example>'],
    ],
    body: Buffer.from('v=0'),
  });

const table: Array<[what: string, rules: HeaderRule[], header: string, values: string[]]> = [
  ['remove: every value', [{ do: 'remove', header: 'X-Redirected' }], 'X-Redirected', []],
  ['remove: what is not there', [{ do: 'remove', header: 'Privacy' }], 'Privacy', []],
  ['set: replaces every value', [{ do: 'set', header: 'X-Redirected', value: 'no' }], 'X-Redirected', ['no']],
  ['set: adds', [{ do: 'set', header: 'Privacy', value: 'id' }], 'Privacy', ['id']],
  [
    'copy: every value, in place of those that were',
    [{ do: 'copy', header: 'Diversion', from: 'X-Redirected' }],
    'Diversion',
    ['<sip:+14155550101@carrier.example>', '<sip:+14155550102@carrier.example>'],
  ],
  [
    'copy: an address without the tag of its dialog',
    [{ do: 'copy', header: 'P-Asserted-Identity', from: 'From' }],
    'P-Asserted-Identity',
    ['"Ann" <sip:+12125550199@carrier.example>'],
  ],
  [
    'copy: the Request-URI',
    [{ do: 'copy', header: 'X-Dialled', from: 'Request-URI' }],
    'X-Dialled',
    ['<sip:+14155559000@203.0.113.1>'],
  ],
  [
    'copy: what is not there changes nothing',
    [{ do: 'copy', header: 'Diversion', from: 'Privacy' }],
    'Diversion',
    ['<sip:+1@old.example>'],
  ],
  [
    'rules work in their order',
    [
      { do: 'copy', header: 'X-Old', from: 'Diversion' },
      { do: 'remove', header: 'Diversion' },
      { do: 'copy', header: 'Diversion', from: 'X-Old' },
    ],
    'Diversion',
    ['<sip:+1@old.example>'],
  ],
];

describe('header rules of a trunk', () => {
  it.each(table)('%s', (_, rules, header, values) => {
    const request = invite();
    const changed = applyHeaderRules(request, rules);
    expect(changed.headers.getAll(header)).toEqual(values);
    expect(changed.headers.get('From')).toBe(request.headers.get('From'));
    expect(changed.headers.get('Via')).toBe(request.headers.get('Via'));
    expect(Buffer.from(changed.body).toString()).toBe('v=0');
    // The transaction keeps what came.
    expect(request.headers.getAll('X-Redirected')).toHaveLength(2);
    expect(request.headers.get('Diversion')).toBe('<sip:+1@old.example>');
  });
});
