import { describe, expect, it } from 'vitest';
import { parseAuthParams, SipHeaders } from '../message/index.ts';
import { computeHa1, digestResponse } from './digest.ts';
import { answerChallenge, challengeNonce } from './digest-client.ts';

// RFC 7616 3.9.1.
const published = {
  username: 'Mufasa',
  realm: 'http-auth@example.org',
  password: 'Circle of Life',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  method: 'GET',
  uri: '/dir/index.html',
};

function challengeOf(...values: string[]): SipHeaders {
  return new SipHeaders(values.map((value) => ['WWW-Authenticate', value] as const));
}

function publishedChallenge(algorithm: string): string {
  return (
    `Digest realm="${published.realm}", qop="auth, auth-int", algorithm=${algorithm}, ` +
    `nonce="${published.nonce}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
  );
}

describe('RFC 7616 3.9.1 published values', () => {
  it.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const)('answers the %s challenge', (algorithm, response) => {
    const answer = answerChallenge({ ...published, headers: challengeOf(publishedChallenge(algorithm)) });
    expect(answer?.name).toBe('Authorization');
    const { params } = parseAuthParams(answer!.value)!;
    expect(Object.fromEntries(params)).toEqual({
      username: 'Mufasa',
      realm: published.realm,
      nonce: published.nonce,
      uri: '/dir/index.html',
      response,
      algorithm,
      qop: 'auth',
      nc: '00000001',
      cnonce: published.cnonce,
      opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
    });
  });

  it('gives the same from stored hashes', () => {
    const { username, realm, password } = published;
    const ha1 = {
      md5: computeHa1('MD5', username, realm, password),
      sha256: computeHa1('SHA-256', username, realm, password),
    };
    const headers = challengeOf(publishedChallenge('SHA-256'));
    expect(answerChallenge({ ...published, headers, password: ha1 })).toEqual(
      answerChallenge({ ...published, headers }),
    );
  });
});

it('computes the RFC 2617 3.5 example and, without qop, the RFC 2069 one', () => {
  const ha1 = computeHa1('MD5', 'Mufasa', 'testrealm@host.com', 'Circle Of Life');
  const base = {
    algorithm: 'MD5',
    ha1,
    nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
    method: 'GET',
    uri: '/dir/index.html',
  } as const;
  const protection = { nc: '00000001', cnonce: '0a4f113b' };
  expect(digestResponse({ ...base, protection })).toBe('6629fae49393a05397450978507c4ef1');
  // RFC 2069 2.4 with the response of its erratum 749.
  expect(
    digestResponse({ ...base, ha1: computeHa1('MD5', 'Mufasa', 'testrealm@host.com', 'CircleOfLife') }),
  ).toBe('1949323746fe6a43ef61f9606e7febea');
});

describe('choice of the challenge', () => {
  const base = { method: 'REGISTER', uri: 'sip:example.com', username: 'a"\\b', password: 'x' };
  const md5 = 'Digest realm="r", nonce="m", algorithm=MD5, qop="auth"';
  const sha = 'Digest realm="r", nonce="s", algorithm=SHA-256, qop="auth"';

  it('takes the first algorithm it knows (RFC 8760 2.4)', () => {
    expect(challengeNonce(challengeOf('Digest realm="r", nonce="x", algorithm=SHA-512-256', sha, md5))).toBe(
      's',
    );
    expect(challengeNonce(challengeOf(md5, sha))).toBe('m');
  });

  it('answers 407 with Proxy-Authorization, escapes the name and counts in hex', () => {
    const headers = new SipHeaders([['Proxy-Authenticate', sha]]);
    const answer = answerChallenge({ ...base, headers, nonceCount: 26 })!;
    expect(answer.name).toBe('Proxy-Authorization');
    expect(answer.value).toContain('username="a\\"\\\\b"');
    expect(answer.value).toContain('nc=0000001a');
  });

  it('uses a new cnonce each time', () => {
    const answer = () => answerChallenge({ ...base, headers: challengeOf(sha) })!.value;
    expect(answer()).not.toBe(answer());
  });

  it.each([
    ['another scheme', 'Bearer realm="r"'],
    ['only auth-int', 'Digest realm="r", nonce="n", qop="auth-int"'],
    ['no nonce', 'Digest realm="r"'],
    ['an unknown algorithm', 'Digest realm="r", nonce="n", algorithm=MD5-sess'],
    ['a broken line', 'Digest realm="r, nonce=n'],
  ])('cannot answer %s', (_, value) => {
    expect(answerChallenge({ ...base, headers: challengeOf(value) })).toBeUndefined();
  });
});
