import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAuthParams, SipHeaders, SipRequest } from '../message/index.ts';
import { computeHa1, type Ha1 } from './digest.ts';
import { answerChallenge } from './digest-client.ts';
import { DigestServer, type DigestServerOptions } from './digest-server.ts';

const realm = 'ringthrough';
const password = 'correct horse';
const alice: Ha1 = {
  md5: computeHa1('MD5', 'alice', realm, password),
  sha256: computeHa1('SHA-256', 'alice', realm, password),
};
const lookup = (username: string) => (username === 'alice' ? alice : undefined);

function setUp(options: Partial<DigestServerOptions> = {}) {
  const clock = { now: 1_700_000_000_000 };
  const server = new DigestServer({
    realm,
    nonceLifetimeMs: 60_000,
    secret: 'a secret',
    now: () => clock.now,
    ...options,
  });
  return { clock, server };
}

interface Answer {
  username?: string;
  password?: string;
  nonceCount?: number;
  method?: string;
  uri?: string;
  name?: string;
}

function answerTo(challenges: string[], options: Answer = {}): SipRequest {
  const headers = new SipHeaders(challenges.map((value) => ['WWW-Authenticate', value] as const));
  const { method = 'REGISTER', uri = 'sip:example.com' } = options;
  const answer = answerChallenge({
    headers,
    method,
    uri,
    username: options.username ?? 'alice',
    password: options.password ?? password,
    nonceCount: options.nonceCount ?? 1,
  })!;
  return new SipRequest(method, uri, { headers: [[options.name ?? answer.name, answer.value]] });
}

describe('DigestServer', () => {
  it('accepts the answer from the client that was challenged only, and tells another to answer anew', () => {
    const { server } = setUp();
    const request = answerTo(server.challenge({ client: '192.0.2.1' }));
    expect(server.verify(request, lookup, '192.0.2.2').result).toBe('stale');
    expect(server.verify(request, lookup).result).toBe('stale');
    expect(server.verify(request, lookup, '192.0.2.1').result).toBe('ok');
  });

  it('offers SHA-256 first, then MD5, each with qop=auth and one nonce (RFC 8760 2.4)', () => {
    const challenges = setUp()
      .server.challenge()
      .map((value) => parseAuthParams(value)!);
    expect(challenges.map(({ params }) => params.get('algorithm'))).toEqual(['SHA-256', 'MD5']);
    expect(challenges.map(({ params }) => params.get('qop'))).toEqual(['auth', 'auth']);
    expect(challenges.some(({ params }) => params.has('stale'))).toBe(false);
    const stale = setUp().server.challenge({ stale: true });
    expect(stale.map((value) => parseAuthParams(value)!.params.get('stale'))).toEqual(['true', 'true']);
  });

  it.each([0, 1])('accepts the right password for challenge %i, in either header', (index) => {
    const { server } = setUp();
    for (const name of ['Authorization', 'Proxy-Authorization']) {
      const request = answerTo([server.challenge()[index]!], { name });
      expect(server.usernameOf(request)).toBe('alice');
      expect(server.verify(request, lookup)).toEqual({ result: 'ok', username: 'alice' });
    }
  });

  it('offers only the algorithms it is given, and accepts no other', () => {
    const { server } = setUp({ algorithms: ['MD5'] });
    const challenges = server.challenge();
    expect(challenges.map((value) => parseAuthParams(value)!.params.get('algorithm'))).toEqual(['MD5']);
    const sha256 = answerTo(challenges.map((value) => value.replace('algorithm=MD5', 'algorithm=SHA-256')));
    expect(server.verify(sha256, lookup)).toEqual({ result: 'bad', username: 'alice' });
    expect(server.verify(answerTo(challenges), lookup)).toEqual({ result: 'ok', username: 'alice' });
  });

  it('looks users up asynchronously as well', async () => {
    const { server } = setUp();
    const request = answerTo(server.challenge());
    await expect(server.verifyAsync(request, async (name) => lookup(name))).resolves.toEqual({
      result: 'ok',
      username: 'alice',
    });
  });

  it.each([
    ['a wrong password', 'alice', 'wrong'],
    ['an unknown user', 'bob', password],
  ])('refuses %s as bad', (_, username, attempt) => {
    const { server } = setUp();
    const request = answerTo(server.challenge(), { username, password: attempt });
    expect(server.verify(request, lookup)).toEqual({ result: 'bad', username });
  });

  it.each([
    ['no credentials', undefined],
    ['a scheme nobody knows (RFC 4475 3.3.8)', 'NoOneKnowsThisScheme opaque-data=here'],
    ['another realm', 'Digest username="alice", realm="elsewhere", nonce="n", uri="sip:x", response="r"'],
    ['a malformed line', 'Digest username="alice, realm=ringthrough'],
    ['a huge user name', `Digest username="${'a'.repeat(257)}", realm="ringthrough"`],
  ])('reports %s as missing', (_, value) => {
    const headers = new SipHeaders(value === undefined ? [] : [['Authorization', value]]);
    const request = new SipRequest('REGISTER', 'sip:example.com', { headers });
    expect(setUp().server.verify(request, lookup)).toEqual({ result: 'missing' });
  });

  it('finds its own credentials among those for other realms', () => {
    const { server } = setUp();
    const request = answerTo(server.challenge());
    request.headers.prepend('Authorization', 'Digest username="x", realm="elsewhere", nonce="n", uri="u"');
    expect(server.verify(request, lookup).result).toBe('ok');
  });

  it('refuses credentials captured from another method or for another resource', () => {
    const { server } = setUp();
    const request = answerTo(server.challenge());
    expect(server.verify({ ...request, method: 'INVITE' }, lookup).result).toBe('bad');
    expect(server.verify({ ...request, uri: 'sip:example.org' }, lookup).result).toBe('bad');
    // The same resource written otherwise is the same (RFC 3261 19.1.4).
    expect(server.verify({ ...request, uri: 'sip:EXAMPLE.com' }, lookup).result).toBe('ok');
  });
});

describe('nonces', () => {
  it('calls an expired nonce stale, but only with the right password', () => {
    const { server, clock } = setUp();
    const right = answerTo(server.challenge());
    const wrong = answerTo(server.challenge(), { password: 'wrong' });
    clock.now += 60_001;
    expect(server.verify(right, lookup).result).toBe('stale');
    expect(server.verify(wrong, lookup).result).toBe('bad');
  });

  it('accepts nonces of another process with the same secret, none of one with another', () => {
    const { server } = setUp();
    const twin = setUp().server;
    const stranger = new DigestServer({
      realm,
      nonceLifetimeMs: 60_000,
      secret: 'another',
      now: () => 1_700_000_000_000,
    });
    expect(server.verify(answerTo(twin.challenge()), lookup).result).toBe('ok');
    expect(server.verify(answerTo(stranger.challenge()), lookup).result).toBe('stale');
  });

  it('refuses every forged nonce, also one that decodes to the same bytes', () => {
    const { server } = setUp();
    const nonce = parseAuthParams(server.challenge()[0]!)!.params.get('nonce')!;
    const forged = [`${nonce}=`, `${nonce} `, nonce.slice(1), `${nonce}A`, '', 'x'.repeat(40)];
    for (let at = 0; at < nonce.length; at++) {
      forged.push(`${nonce.slice(0, at)}${nonce[at] === 'A' ? 'B' : 'A'}${nonce.slice(at + 1)}`);
    }
    for (const one of forged) {
      const challenge = `Digest realm="${realm}", nonce="${one}", algorithm=MD5, qop="auth"`;
      expect(server.verify(answerTo([challenge]), lookup).result, one).toBe('stale');
    }
  });

  it('accepts each count once, and out of order within 32 (UDP)', () => {
    const { server } = setUp();
    const challenge = server.challenge();
    const verdict = (nonceCount: number) => server.verify(answerTo(challenge, { nonceCount }), lookup).result;
    expect([1, 1, 2, 5, 4, 4, 3, 5].map(verdict)).toEqual([
      'ok',
      'stale',
      'ok',
      'ok',
      'ok',
      'stale',
      'ok',
      'stale',
    ]);
    expect([100, 68, 69, 69, 99, 0xffffffff, 100, 0xffffffff].map(verdict)).toEqual([
      'ok',
      'stale',
      'ok',
      'stale',
      'ok',
      'ok',
      'stale',
      'stale',
    ]);
  });

  it('accepts the counts of any order and repetition exactly as a set would, within the window', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 32 }), { maxLength: 60 });
    fc.assert(
      fc.property(counts, (sequence) => {
        const { server } = setUp();
        const challenge = server.challenge();
        const seen = new Set<number>();
        for (const nonceCount of sequence) {
          const { result } = server.verify(answerTo(challenge, { nonceCount }), lookup);
          expect(result).toBe(seen.has(nonceCount) ? 'stale' : 'ok');
          seen.add(nonceCount);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('tells a request that came twice from one with a nonce that is used up', () => {
    const { server, clock } = setUp();
    const request = answerTo(server.challenge({ client: '192.0.2.1' }));
    expect(server.verify(request, lookup, '192.0.2.1').result).toBe('ok');
    const verdict = (client: string) => server.verify(request, lookup, client);
    expect(verdict('192.0.2.1')).toEqual({ result: 'stale', username: 'alice', repeated: true });
    expect(verdict('192.0.2.2')).toEqual({ result: 'stale', username: 'alice', repeated: false });
    clock.now += 60_001;
    expect(verdict('192.0.2.1')).toEqual({ result: 'stale', username: 'alice', repeated: false });
  });

  it('does not let a replay through when the memory of nonces is full', () => {
    const { server, clock } = setUp({ maxNonces: 3 });
    const requests = Array.from({ length: 6 }, () => {
      clock.now++;
      return answerTo(server.challenge());
    });
    for (const request of requests) expect(server.verify(request, lookup).result).toBe('ok');
    for (const request of requests) expect(server.verify(request, lookup).result).toBe('stale');
    clock.now++;
    expect(server.verify(answerTo(server.challenge()), lookup).result).toBe('ok');
  });

  it('does not let a replay through after old nonces are swept out', () => {
    const { server, clock } = setUp();
    const first = answerTo(server.challenge());
    expect(server.verify(first, lookup).result).toBe('ok');
    for (let step = 0; step < 8; step++) {
      clock.now += 15_000;
      expect(server.verify(answerTo(server.challenge()), lookup).result).toBe('ok');
      expect(server.verify(first, lookup).result).toBe('stale');
    }
  });
});

describe('requests without qop (RFC 2069)', () => {
  it('pass once per nonce with MD5', () => {
    const { server } = setUp();
    const nonce = parseAuthParams(server.challenge()[0]!)!.params.get('nonce')!;
    const old = answerTo([`Digest realm="${realm}", nonce="${nonce}"`]);
    expect(old.headers.get('authorization')).not.toContain('qop');
    expect(server.verify(old, lookup).result).toBe('ok');
    expect(server.verify(old, lookup).result).toBe('stale');
    const counted = answerTo([`Digest realm="${realm}", nonce="${nonce}", qop="auth"`], { nonceCount: 9 });
    expect(server.verify(counted, lookup).result).toBe('stale');
  });

  it('do not pass with SHA-256', () => {
    const { server } = setUp();
    const nonce = parseAuthParams(server.challenge()[0]!)!.params.get('nonce')!;
    const request = answerTo([`Digest realm="${realm}", nonce="${nonce}", algorithm=SHA-256`]);
    expect(server.verify(request, lookup).result).toBe('bad');
  });
});

describe('mutated credentials', () => {
  const fields = ['username', 'realm', 'nonce', 'uri', 'response', 'qop', 'nc', 'cnonce', 'algorithm'];

  function rewrite(request: SipRequest, change: (params: Map<string, string>) => void): SipRequest {
    const { params } = parseAuthParams(request.headers.get('authorization')!)!;
    change(params);
    const text = [...params]
      .map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
      .join(', ');
    return new SipRequest(request.method, request.uri, { headers: [['Authorization', `Digest ${text}`]] });
  }

  it.each(fields)('without %s nothing is accepted', (field) => {
    const { server } = setUp();
    const request = rewrite(answerTo(server.challenge()), (params) => params.delete(field));
    expect(server.verify(request, lookup).result).not.toBe('ok');
  });

  it('a change of any field is never accepted', () => {
    const change = fc.tuple(fc.constantFrom(...fields), fc.string({ maxLength: 70 }));
    fc.assert(
      fc.property(change, ([field, value]) => {
        const { server } = setUp();
        const request = answerTo(server.challenge());
        const before = parseAuthParams(request.headers.get('authorization')!)!.params.get(field)!;
        fc.pre(before.toLowerCase() !== value.toLowerCase());
        const verdict = server.verify(
          rewrite(request, (params) => params.set(field, value)),
          lookup,
        );
        expect(verdict.result).not.toBe('ok');
      }),
    );
  });

  it('a parameter given twice makes the credentials void', () => {
    const { server } = setUp();
    const request = answerTo(server.challenge());
    request.headers.set('Authorization', `${request.headers.get('authorization')}, username="alice"`);
    expect(server.verify(request, lookup)).toEqual({ result: 'missing' });
  });
});
