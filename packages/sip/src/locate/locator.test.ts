import { describe, expect, it } from 'vitest';
import { parseUri } from '../message/index.ts';
import { Locator } from './locator.ts';
import type { DnsRecords, DnsType, Resolver } from './records.ts';

function locatorOf(zone: Record<string, DnsRecords[DnsType] | Error>, system: Record<string, string> = {}) {
  const asked: string[] = [];
  const askedSystem: string[] = [];
  const resolver: Resolver = {
    async resolve<T extends DnsType>(name: string, type: T) {
      asked.push(`${type} ${name}`);
      const records = zone[`${type} ${name}`] ?? [];
      if (records instanceof Error) throw records;
      return records as DnsRecords[T];
    },
    close() {},
  };
  const locator = new Locator({
    protocols: ['udp', 'tcp', 'tls'],
    families: () => [4, 6],
    random: Math.random,
    resolver,
    system: async (host) => {
      askedSystem.push(host);
      const address = system[host];
      if (address === undefined) throw new Error('ENOTFOUND');
      return address;
    },
  });
  const locate = async (text: string) => {
    const uri = parseUri(text);
    return (uri ? await locator.locate(uri) : []).map(
      ({ protocol, host, port }) => `${protocol} ${host} ${port}`,
    );
  };
  return { locate, locator, asked, askedSystem };
}

const srv = (index: number) => ({ priority: 1, weight: 1, port: 5060, target: `s${index}.example.com` });

describe('the locator', () => {
  it('knows addresses at once, and asks nobody', () => {
    const { locator, asked } = locatorOf({});
    const uri = parseUri('sip:192.0.2.1:5070;transport=tcp');
    expect(uri && locator.locate(uri)).toEqual([
      { protocol: 'tcp', host: '192.0.2.1', port: 5070, serverName: undefined },
    ]);
    expect(asked).toEqual([]);
  });

  it('finds servers among more equals than it tries', async () => {
    const zone: Record<string, DnsRecords[DnsType]> = {
      'SRV _sip._udp.example.com': Array.from({ length: 60 }, (_, index) => srv(index)),
    };
    for (let index = 0; index < 60; index++) zone[`A s${index}.example.com`] = ['192.0.2.1'];
    expect(await locatorOf(zone).locate('sip:example.com')).toHaveLength(32);
  });

  it('goes on where one question cannot be answered', async () => {
    const zone = {
      'NAPTR example.com': new Error('SERVFAIL'),
      'SRV _sip._udp.example.com': [srv(1)],
      'A s1.example.com': ['192.0.2.1'],
      'AAAA s1.example.com': new Error('TIMEOUT'),
    };
    expect(await locatorOf(zone).locate('sip:example.com')).toEqual(['udp 192.0.2.1 5060']);
  });

  it('asks the system for names that the DNS does not know, and for those without a dot', async () => {
    const { locate, asked } = locatorOf(
      {},
      { 'sbc.lan.example': '192.0.2.9', pbx: '192.0.2.8', localhost: '127.0.0.1' },
    );
    expect(await locate('sip:sbc.lan.example:5060')).toEqual(['udp 192.0.2.9 5060']);
    expect(asked).toEqual(['A sbc.lan.example', 'AAAA sbc.lan.example']);
    asked.length = 0;
    expect(await locate('sip:pbx')).toEqual(['udp 192.0.2.8 5060']);
    expect(await locate('sip:localhost;transport=tcp')).toEqual(['tcp 127.0.0.1 5060']);
    expect(asked).toEqual([]);
    expect(await locate('sip:nobody.example')).toEqual([]);
  });

  it('asks the system once at a time, also when it does not know', async () => {
    const { locate, askedSystem } = locatorOf({});
    const nowhere = () => locate('sip:nobody.example:5060');
    expect(await Promise.all([nowhere(), nowhere(), nowhere()])).toEqual([[], [], []]);
    expect(askedSystem).toHaveLength(1);
    await nowhere();
    expect(askedSystem).toHaveLength(2);
  });
});
