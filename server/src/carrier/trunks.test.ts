import { answerChallenge, type Flow, SipRequest } from '@ringthrough/sip';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TrunkConfig } from '../config.ts';
import { type Carrier, Trunks } from './index.ts';

const carrier = (id: string, trunks: TrunkConfig[], cNumber = '+14155559000'): Carrier => ({
  id,
  name: id,
  country: 'US',
  family: 'gsm',
  prefixes: ['+1'],
  cNumber,
  trunks,
});

const flow = (host: string, port = 5060, more: Partial<Flow> = {}): Flow => ({
  id: 'x',
  protocol: 'udp',
  local: { host: '203.0.113.1', port: 5060 },
  remote: { host, port },
  closed: false,
  onClose: () => () => {},
  close: () => {},
  ...more,
});

const invite = (user = '+14155559000', method = 'INVITE') =>
  new SipRequest(method, `sip:${user}@203.0.113.1`, { headers: [['From', '<sip:a@b>;tag=1']] });

let now = 0;
let admitted = true;
let asked = 0;
let failures = 0;
const guard = {
  admits: () => {
    asked++;
    return admitted;
  },
  failed: () => {
    failures++;
  },
};
beforeEach(() => {
  [now, admitted, asked, failures] = [0, true, 0, 0];
});

const open = (...carriers: Carrier[]) =>
  new Trunks({ carriers, guard, realm: 'ringthrough', nonceLifetimeMs: 60_000, secret: 's', now: () => now });

describe('a trunk by address', () => {
  const trunks = open(
    carrier('one', [{ host: '192.0.2.1' }]),
    carrier('port', [{ host: '192.0.2.1', port: 5070 }]),
    carrier('six', [{ host: '2001:DB8:0::1', port: 5060 }]),
    carrier('wide', [{ host: '198.51.100.0/24' }, { id: 'near', host: '198.51.100.16/28' }]),
    carrier('net6', [{ host: '2001:db8:7::/48' }]),
    carrier('mapped', [
      { host: '::ffff:203.0.113.9' },
      { id: 'hex', host: '::FFFF:CB00:710A', port: 5062 },
      { id: 'block', host: '::ffff:203.0.113.128/121' },
    ]),
    carrier('ours', [{ outbound: { uri: 'sip:x.example' } as TrunkConfig['outbound'] & object }]),
  );
  it.each([
    ['192.0.2.1', 5070, 'port 1'],
    ['192.0.2.1', 5999, 'one 1'],
    ['::ffff:192.0.2.1', 5070, 'port 1'],
    ['2001:db8::1', 5060, 'six 1'],
    ['2001:db8::1', 5061, undefined],
    ['192.0.2.2', 5070, undefined],
    ['198.51.100.1', 1, 'wide 1'],
    ['198.51.100.17', 1, 'wide near'],
    ['198.51.101.1', 1, undefined],
    ['2001:db8:7:1::5', 1, 'net6 1'],
    ['2001:db8:8::5', 1, undefined],
    ['203.0.113.9', 1, 'mapped 1'],
    ['::ffff:203.0.113.9', 1, 'mapped 1'],
    ['203.0.113.10', 5062, 'mapped hex'],
    ['203.0.113.10', 5063, undefined],
    ['203.0.113.200', 1, 'mapped block'],
    ['203.0.113.127', 1, undefined],
  ])('%s:%i is %s', (host, port, expected) => {
    const trunk = trunks.trunkFor(invite(), flow(host, port));
    expect(trunk && `${trunk.id} ${trunk.trunkId}`).toBe(expected);
    expect(trunks.challenge(invite(), flow(host, port))).toBeUndefined();
  });

  it.each([
    ['192.0.2.1', 5070, true],
    ['::ffff:192.0.2.1', 5070, true],
    ['192.0.2.1', 5999, false],
    ['198.51.100.1', 1, false],
  ])('%s:%i is named as such: %s', (host, port, named) => {
    expect(trunks.isNamed(flow(host, port))).toBe(named);
  });

  it('is always the same object for its limits', () => {
    const limits = { host: '192.0.2.9', maxConcurrentCalls: 3 };
    const two = open(carrier('two', [limits, { host: '192.0.2.10' }]));
    expect(two.trunkFor(invite(), flow('192.0.2.9'))?.limits).toBe(limits);
  });
});

describe('a trunk by its certificate', () => {
  const trunks = open(
    carrier('plain', [{ host: '192.0.2.1' }]),
    carrier('sbc', [{ tls: { name: 'SBC.carrier.example' } }]),
    carrier('both', [{ host: '192.0.2.7', tls: { name: 'both.example' } }]),
  );
  it.each([
    ['of a verified name', '192.0.2.5', ['sbc.carrier.example'], 'sbc'],
    ['of another name', '192.0.2.5', ['evil.example'], undefined],
    ['without a certificate', '192.0.2.5', [], undefined],
    [
      'whose address is another trunk: the certificate says more',
      '192.0.2.1',
      ['sbc.carrier.example'],
      'sbc',
    ],
    ['with address and name', '192.0.2.7', ['both.example'], 'both'],
    ['with the name alone', '192.0.2.8', ['both.example'], undefined],
    ['with the address alone', '192.0.2.7', [], undefined],
  ])('%s', (_, host, peerDomains, id) => {
    expect(trunks.trunkFor(invite(), flow(host, 4000, { protocol: 'tls', peerDomains }))?.id).toBe(id);
  });
});

describe('a trunk by digest', () => {
  const digest = { username: 'trunk-1', password: 'right' };
  const make = () =>
    open(carrier('d', [{ digest }]), carrier('plain', [{ host: '192.0.2.1' }], '+14155559111'));

  const answer = (request: SipRequest, challenge: string, password = 'right', username = 'trunk-1') => {
    const { headers } = new SipRequest('INVITE', request.uri, {
      headers: [['Proxy-Authenticate', challenge]],
    });
    const credentials = answerChallenge({ headers, method: 'INVITE', uri: request.uri, username, password });
    const next = invite();
    if (credentials) next.headers.add(credentials.name, credentials.value);
    return next;
  };
  const challengeOf = (trunks: Trunks, from: Flow, request = invite()): string => {
    expect(trunks.trunkFor(request, from)).toBeUndefined();
    const given = trunks.challenge(request, from);
    expect(given?.status).toBe(407);
    return given?.headers?.[0]?.[1] ?? '';
  };

  it('is challenged when it calls the C number, and known by its answer, once', () => {
    const trunks = make();
    const from = flow('203.0.113.99');
    const second = answer(invite(), challengeOf(trunks, from));
    expect(trunks.trunkFor(second, from)?.id).toBe('d');
    // The same request is asked about twice: before there is a transaction, and after.
    expect(trunks.trunkFor(second, from)?.id).toBe('d');
    const copied = invite();
    copied.headers.add('Proxy-Authorization', second.headers.get('Proxy-Authorization') ?? '');
    expect(trunks.trunkFor(copied, from)).toBeUndefined();
    expect(trunks.challenge(copied, from)?.headers?.[0]?.[1]).toContain('stale=true');
    expect(failures).toBe(0);
  });

  it('with a wrong password or an unknown name is challenged again, and that counts', () => {
    const trunks = make();
    const from = flow('203.0.113.99');
    const challenge = challengeOf(trunks, from);
    for (const [password, username] of [
      ['wrong', 'trunk-1'],
      ['right', 'nobody'],
    ] as const) {
      const request = answer(invite(), challenge, password, username);
      expect(trunks.trunkFor(request, from)).toBeUndefined();
      expect(trunks.challenge(request, from)).toMatchObject({ status: 407 });
    }
    expect(failures).toBe(2);
    expect(asked).toBe(3);
  });

  it('answers over UDP only from where it was challenged', () => {
    const trunks = make();
    const second = answer(invite(), challengeOf(trunks, flow('203.0.113.99')));
    expect(trunks.trunkFor(second, flow('203.0.113.98'))).toBeUndefined();
  });

  it('gets no challenge where nobody may try, for other numbers, other methods and carriers without a password', () => {
    const trunks = make();
    const from = flow('203.0.113.99');
    expect(trunks.challenge(invite('+14155550000'), from)).toBeUndefined();
    expect(trunks.challenge(invite('+14155559111'), from)).toBeUndefined();
    expect(trunks.challenge(invite('14155559000'), from)).toMatchObject({ status: 407 });
    expect(trunks.challenge(invite('+14155559000', 'OPTIONS'), from)).toBeUndefined();
    const second = answer(invite(), challengeOf(trunks, from));
    admitted = false;
    expect(trunks.trunkFor(second, from)).toBeUndefined();
    expect(trunks.challenge(second, from)).toBeUndefined();
    expect(trunks.challenge(invite(), from)).toBeUndefined();
  });

  it.each([
    ['DE', '+4930123456', '030123456'],
    ['US', '+14155559000', '4155559000'],
  ])('that dials as in its country (%s) is challenged, too', (country, cNumber, dialled) => {
    const trunks = open({ ...carrier('d', [{ digest, numberFormat: 'national' }], cNumber), country });
    expect(challengeOf(trunks, flow('203.0.113.99'), invite(dialled))).not.toBe('');
  });

  it('is no stranger for a while once it has given the right password', () => {
    const trunks = make();
    const from = flow('203.0.113.99');
    expect(trunks.trunkFor(answer(invite(), challengeOf(trunks, from)), from)?.id).toBe('d');
    const before = asked;
    admitted = false;
    expect(trunks.trunkFor(answer(invite(), challengeOf(trunks, from)), from)?.id).toBe('d');
    expect(asked).toBe(before);
    now += 60_001;
    expect(trunks.challenge(invite(), from)).toBeUndefined();
  });

  it('that also names an address needs both', () => {
    const trunks = open(carrier('d', [{ host: '192.0.2.0/24', digest }]));
    expect(trunks.challenge(invite(), flow('203.0.113.99'))).toBeUndefined();
    const from = flow('192.0.2.77');
    const second = answer(invite(), challengeOf(trunks, from));
    expect(trunks.trunkFor(second, from)?.id).toBe('d');
  });
});
