import { ListenError } from '@ringthrough/sip';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../config.ts';
import { portSetting, reachableSip, sipListeners, sipServer } from './sip-listeners.ts';

const configured = (sip: Record<string, unknown>) => parseConfig(stringify({ sip }));
const files = { cert: 'a.pem', key: 'a.key' };
const several = [
  { protocol: 'tls', host: '::', port: 5061, advertisedHost: 'ring.example' },
  { protocol: 'udp', host: '::1', port: 5060 },
  { protocol: 'udp', host: '127.0.0.1', port: 5070 },
];

describe('where SIP listens', () => {
  it('host and port over UDP and TCP; TLS only where there is a certificate', () => {
    expect(sipListeners(configured({ port: 5080, advertisedHost: 'x.example' }).sip)).toEqual([
      { protocol: 'udp', host: '127.0.0.1', port: 5080, advertisedHost: 'x.example' },
      { protocol: 'tcp', host: '127.0.0.1', port: 5080, advertisedHost: 'x.example' },
    ]);
    const secure = sipListeners(configured({ tls: files }).sip);
    expect(secure.map(({ protocol, port }) => [protocol, port])).toEqual([
      ['udp', 5060],
      ['tcp', 5060],
      ['tls', 5061],
    ]);
  });

  it('several listeners instead, and a tls one of them needs a certificate', () => {
    expect(sipListeners(configured({ port: 1, tls: files, listeners: several }).sip)).toEqual(several);
    expect(() => configured({ listeners: several })).toThrow('sip.listeners: a tls listener needs sip.tls');
  });

  it('tells devices and guests of the first one over UDP, with the port that the system chose', () => {
    const simple = configured({ host: '0.0.0.0', port: 0 });
    const bound = [{ protocol: 'udp' as const, host: '0.0.0.0', port: 40_000 }];
    expect([sipServer(simple, bound), reachableSip(simple, bound)]).toEqual([
      '0.0.0.0:40000',
      { host: '127.0.0.1', port: 40_000 },
    ]);
    const many = configured({ tls: files, listeners: several });
    expect([sipServer(many, []), reachableSip(many, [])]).toEqual([
      '[::1]:5060',
      { host: '[::1]', port: 5060 },
    ]);
  });

  it('names the setting of a port that is taken', () => {
    const taken = (protocol: 'udp' | 'tls') =>
      new ListenError({ protocol, host: 'x', port: 1 }, 'EADDRINUSE');
    const { sip } = configured({ tls: files });
    expect(portSetting(sip, taken('udp'))).toEqual(['sip', 'port']);
    expect(portSetting(sip, taken('tls'))).toEqual(['sip', 'tls', 'port']);
    expect(portSetting({ ...sip, listeners: [] }, taken('tls'))).toEqual(['sip', 'listeners']);
  });
});
