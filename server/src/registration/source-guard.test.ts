import { type Flow, SipRequest } from '@ringthrough/sip';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { SourceGuard } from './index.ts';

const limits = {
  requestsPerSecond: 10,
  burst: 20,
  failures: 3,
  failureWindowMs: 60_000,
  banMs: 300_000,
  scanners: ['friendly-scanner', 'SIPvicious'],
};

let now: number;
let guard: SourceGuard;
let banned: string[];

beforeEach(() => {
  now = 1_700_000_000_000;
  banned = [];
  guard = new SourceGuard({
    limits,
    now: () => now,
    networkOf: (address) => address.replace(/:[^.]*$/, '::/64'),
    banned: (address) => banned.push(address),
  });
});

function flow(host: string, port = 5060): Flow {
  const ends = { local: { host: '10.0.0.1', port: 5060 }, remote: { host, port } };
  return { id: host, protocol: 'udp', ...ends, closed: false, onClose: () => () => {}, close: () => {} };
}

function request(headers: Record<string, string> = {}): SipRequest {
  return new SipRequest('REGISTER', 'sip:localhost', { headers: { From: '<sip:a@b>;tag=1', ...headers } });
}

const admits = (host: string, registered = false) => guard.admits(request(), flow(host), registered);

describe('scanners', () => {
  it.each<Record<string, string>>([
    { 'User-Agent': 'friendly-scanner' },
    { 'User-Agent': 'Mozilla Friendly-Scanner/2' },
    { From: '"sipvicious"<sip:100@1.1.1.1>;tag=1' },
  ])('get no answer: %o', (headers) => {
    expect(guard.admits(request(headers), flow('192.0.2.1'), false)).toBe(false);
    expect(guard.stats().scanner).toBe(1);
  });

  it('are no telephones', () => {
    for (const name of ['baresip v1.0.0', 'Linphone/5', 'friendly-phone']) {
      expect(guard.admits(request({ 'User-Agent': name }), flow('192.0.2.1'), false)).toBe(true);
    }
  });
});

describe('floods', () => {
  it('of one stranger are cut, others are not', () => {
    const answered = Array.from({ length: 100 }, () => admits('192.0.2.1')).filter(Boolean);
    expect(answered).toHaveLength(20);
    expect(admits('192.0.2.2')).toBe(true);
    now += 1_000;
    expect(Array.from({ length: 100 }, () => admits('192.0.2.1')).filter(Boolean)).toHaveLength(10);
    expect(guard.stats().flood).toBe(170);
  });

  it('count by the network of an address', () => {
    for (let n = 0; n < 20; n += 1) admits(`2001:db8:0:1:${n}`);
    expect(admits('2001:db8:0:1:99')).toBe(false);
  });

  it('are none where a device is registered', () => {
    for (let n = 0; n < 100; n += 1) expect(admits('192.0.2.1', true)).toBe(true);
  });

  it('never pass faster than burst and rate allow, whenever they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 }), (pauses) => {
        const host = String(now++);
        const start = now;
        let passed = 0;
        for (const pause of pauses) {
          now += pause;
          if (admits(host)) passed += 1;
        }
        expect(passed).toBeLessThanOrEqual(limits.burst + ((now - start) * limits.requestsPerSecond) / 1000);
        expect(passed).toBeGreaterThanOrEqual(Math.min(pauses.length, limits.burst));
      }),
    );
  });
});

describe('bans', () => {
  const fail = (times: number, registered = false) => {
    for (let n = 0; n < times; n += 1) guard.failed(flow('192.0.2.1'), registered);
  };

  it('come with the last failure that is allowed, and end by themselves', () => {
    fail(2);
    expect(admits('192.0.2.1')).toBe(true);
    fail(1);
    expect([admits('192.0.2.1'), admits('192.0.2.2')]).toEqual([false, true]);
    expect(guard.stats()).toMatchObject({ bans: 1, banned: 1, ban: 1 });
    now += limits.banMs - 1;
    expect(admits('192.0.2.1')).toBe(false);
    now += 1;
    expect(admits('192.0.2.1')).toBe(true);
    expect(guard.stats()).toMatchObject({ bans: 1, banned: 0 });
    expect(banned).toEqual(['192.0.2.1']);
  });

  it('forget failures of long ago', () => {
    fail(2);
    now += limits.failureWindowMs;
    fail(2);
    expect(admits('192.0.2.1')).toBe(true);
  });

  it('do not reach a registered device behind the same address; one that guesses is banned by its own', () => {
    fail(3);
    expect(admits('192.0.2.1', true)).toBe(true);
    fail(3, true);
    expect(admits('192.0.2.1', true)).toBe(false);
    expect(guard.admits(request(), flow('192.0.2.1', 5070), true)).toBe(true);
  });
});
