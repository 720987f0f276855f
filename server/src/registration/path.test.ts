import { SipRequest } from '@ringthrough/sip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgeProxies } from './edge-proxies.ts';
import { flowKeyOf, oneFlowEach, parseFlowKey } from './outbound.ts';
import { firstHop, registerWay, routeOf } from './path.ts';
import { registerResponse } from './register-response.ts';

const instance = '<urn:uuid:00000000-0000-1000-8000-000A95A0E128>';
const flow = `<sip:d1@10.0.2.1>;+sip.instance="${instance}";reg-id=1`;
const policy = { fromEdge: true, requireSupport: false };

function register(headers: Record<string, string | string[]>): SipRequest {
  return new SipRequest('REGISTER', 'sip:home.example', {
    headers: { Via: 'SIP/2.0/UDP 10.0.9.1', Contact: '<sip:d1@10.0.2.1>', ...headers },
  });
}

describe('RFC 3327 5.3: the Path of a REGISTER', () => {
  const two = ['<sip:edge.example;lr>', '<sip:token@inner.example;lr;ob>'];

  it.each<[string, Record<string, string | string[]>, typeof policy, number | string | undefined]>([
    ['none', {}, policy, undefined],
    ['none, from elsewhere', {}, { ...policy, fromEdge: false }, undefined],
    ['is stored in its order', { Path: two }, policy, two.join(', ')],
    ['section 6: of who is no proxy of ours is refused', { Path: two }, { ...policy, fromEdge: false }, 403],
    [
      'a device that does not know it is refused where the operator wants that',
      { Path: two },
      { ...policy, requireSupport: true },
      420,
    ],
    [
      'and is not when it does',
      { Path: two, Supported: 'gruu, Path' },
      { ...policy, requireSupport: true },
      two.join(', '),
    ],
    ['section 4: without lr it is no Path', { Path: '<sip:edge.example>' }, policy, 400],
    ['nor is a number', { Path: '<tel:+1415>' }, policy, 400],
    ['nor is what could not be told from two', { Path: '<sip:a,b@edge.example;lr>' }, policy, 400],
    ['nor anything endless', { Path: Array(11).fill('<sip:edge.example;lr>') }, policy, 400],
    ['nor anything huge', { Path: `<sip:${'x'.repeat(2_000)}@edge.example;lr>` }, policy, 400],
  ])('%s', (_title, headers, given, expected) => {
    const way = registerWay(register(headers), given);
    expect(way.ok ? way.path : way.status).toBe(expected);
    if (!way.ok && way.status === 420) expect(way.headers).toEqual([['Unsupported', 'path']]);
  });

  it('becomes a route set', () => {
    const path = '"a, b" <sip:one@edge.example;lr>;x=1, <sip:[::1]:5070;lr>';
    const way = registerWay(register({ Path: path.replace('"a, b" ', '') }), policy);
    expect(way.ok && way.path && routeOf(way.path)).toEqual([
      '<sip:one@edge.example;lr>;x=1',
      '<sip:[::1]:5070;lr>',
    ]);
    expect(firstHop('<sip:one@edge.example;lr>;x=1, <sip:two;lr>')).toBe('sip:one@edge.example;lr');
    expect(registerWay(register({ Path: path }), policy).ok).toBe(false);
  });
});

it('whatever stands in Path, Contact and Supported: a Path that is taken splits into what it was made of', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    'sip:',
    'sips:',
    'tel:',
    'edge',
    '@',
    ';lr',
    ';ob',
    ',',
    '"',
    ';',
    ' ',
    '[::1]',
    '%',
    '\\',
    '=',
    '?',
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const likely = fc.array(piece, { maxLength: 3 }).map((pieces) => `<sip:e${pieces.join('')};lr>`);
  const headers = fc.record({
    Path: fc.array(fc.oneof(likely, likely, text), { maxLength: 2 }),
    Contact: fc.oneof(text, fc.constant(flow)),
    Supported: fc.constantFrom('', 'outbound', 'path,outbound', ','),
  });
  let taken = 0;
  fc.assert(
    fc.property(headers, fc.boolean(), (given, fromEdge) => {
      const request = register(given);
      const way = registerWay(request, { fromEdge, requireSupport: false });
      if (!way.ok || way.path === undefined) return;
      taken += 1;
      expect(fromEdge).toBe(true);
      expect(routeOf(way.path)).toEqual(request.headers.getAll('Path'));
      expect(firstHop(way.path)).toMatch(/^sips?:[^<>,]+;lr/);
    }),
    { numRuns: 2_000, seed: 1 },
  );
  expect(taken).toBeGreaterThan(50);
});

describe('RFC 5626 6: flows', () => {
  const outbound = { Supported: 'path, outbound', Contact: flow };
  it.each<[string, Record<string, string | string[]>, number | string | undefined]>([
    ['a flow to ourselves', outbound, `${instance};1`],
    ['only where the device says so', { Contact: flow }, undefined],
    ['reg-id without an instance does not count', { ...outbound, Contact: '<sip:d1@h>;reg-id=1' }, undefined],
    [
      'an instance without reg-id is none',
      { ...outbound, Contact: flow.replace(';reg-id=1', '') },
      undefined,
    ],
    ['reg-id is a number from 1', { ...outbound, Contact: flow.replace('=1', '=0') }, undefined],
    ['to 2^31-1', { ...outbound, Contact: flow.replace('=1', '=2147483648') }, undefined],
    [
      'through a first hop that knows it',
      { ...outbound, Via: ['SIP/2.0/UDP e', 'SIP/2.0/UDP d'], Path: '<sip:e;lr;ob>' },
      `${instance};1`,
    ],
    [
      '439: through one that does not',
      { ...outbound, Via: ['SIP/2.0/UDP e', 'SIP/2.0/UDP d'], Path: '<sip:e;lr>' },
      439,
    ],
    [
      '439: the first hop is the last value',
      {
        ...outbound,
        Via: ['SIP/2.0/UDP f', 'SIP/2.0/UDP e', 'SIP/2.0/UDP d'],
        Path: ['<sip:f;lr;ob>', '<sip:e;lr>'],
      },
      439,
    ],
    ['439: through one without Path', { ...outbound, Via: ['SIP/2.0/UDP e', 'SIP/2.0/UDP d'] }, 439],
    [
      'whoever does not ask for flows may pass through it',
      { Contact: flow, Via: ['SIP/2.0/UDP e', 'SIP/2.0/UDP d'], Path: '<sip:e;lr>' },
      undefined,
    ],
  ])('%s', (_title, headers, expected) => {
    const way = registerWay(register(headers), policy);
    expect(way.ok ? way.outbound && flowKeyOf(way.outbound) : way.status).toBe(expected);
  });

  it('the key of a flow says what it was made of', () => {
    expect(parseFlowKey(flowKeyOf({ instance: '<urn:x;y>', regId: 7 }))).toEqual({
      instance: '<urn:x;y>',
      regId: 7,
    });
    expect(parseFlowKey('')).toBeUndefined();
  });

  it('one of each device rings, the lowest first', () => {
    const keys = ['a;2', '', 'b;1', 'a;1', '', 'a;3'].map((flowKey) => ({ flowKey }));
    expect(
      oneFlowEach(keys).map(([first, others]) => [first.flowKey, ...others.map((one) => one.flowKey)]),
    ).toEqual([['a;1', 'a;2', 'a;3'], [''], ['b;1'], ['']]);
  });
});

describe('the 200', () => {
  const now = 1_700_000_000_000;
  const bindings = [
    { contactUri: 'sip:d1@10.0.2.1', flowKey: '', expiresAt: now + 60_000 },
    { contactUri: 'sip:d1@10.0.2.2', flowKey: `${instance};2`, expiresAt: now + 90_500 },
  ];
  const base = { bindings, now, serviceRoute: [], flowTimerSeconds: 120 };
  const headersOf = (
    headers: Record<string, string>,
    more: Partial<Parameters<typeof registerResponse>[0]> = {},
  ) => {
    const request = register(headers);
    const way = registerWay(request, policy);
    if (!way.ok) throw new Error(way.reason);
    return registerResponse({ ...base, request, way, ...more }).filter(([name]) => name !== 'Date');
  };
  const contacts = [
    ['Contact', '<sip:d1@10.0.2.1>;expires=60'],
    ['Contact', `<sip:d1@10.0.2.2>;expires=91;+sip.instance="${instance}";reg-id=2`],
  ];

  it('has the contacts, flows with their ids', () => {
    expect(headersOf({})).toEqual(contacts);
  });

  it('RFC 3327 5.3: gives the Path back to who knows it', () => {
    const Path = '<sip:edge.example;lr>';
    expect(headersOf({ Path })).toEqual(contacts);
    expect(headersOf({ Path, Supported: 'path' })).toEqual([...contacts, ['Path', Path]]);
  });

  it('RFC 5626 6: requires outbound of who asked for it, and tells the one next to us how often to be heard', () => {
    const outbound = { Supported: 'outbound', Contact: flow };
    expect(headersOf(outbound)).toEqual([...contacts, ['Require', 'outbound'], ['Flow-Timer', '120']]);
    expect(headersOf(outbound, { flowTimerSeconds: 0 })).toEqual([...contacts, ['Require', 'outbound']]);
    expect(headersOf({ ...outbound, Path: '<sip:edge.example;lr;ob>' })).toEqual([
      ...contacts,
      ['Require', 'outbound'],
    ]);
  });

  it('RFC 3608: has the route of services', () => {
    expect(headersOf({}, { serviceRoute: ['sip:one.example;lr', 'sip:two.example;lr'] })).toEqual([
      ...contacts,
      ['Service-Route', '<sip:one.example;lr>'],
      ['Service-Route', '<sip:two.example;lr>'],
    ]);
  });
});

describe('edge proxies', () => {
  const edges = new EdgeProxies([
    { host: '10.0.9.1' },
    { host: '10.0.9.2', port: 5060 },
    { host: '2001:DB8::0:1' },
  ]);
  it.each([
    ['udp', '10.0.9.1', 40_000, true],
    ['udp', '10.0.9.2', 5060, true],
    ['udp', '10.0.9.2', 5061, false],
    ['tcp', '10.0.9.2', 40_000, true],
    ['tls', '::ffff:10.0.9.2', 40_000, true],
    ['udp', '2001:db8::1', 1, true],
    ['udp', '2001:db8::2', 1, false],
    ['ws', '10.0.9.1', 1, false],
    ['udp', '10.0.9.3', 5060, false],
  ] as const)('%s %s port %i: %s', (protocol, host, port, expected) => {
    expect(edges.has({ protocol, remote: { host, port } })).toBe(expected);
  });
});
