import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUri } from '../message/index.ts';
import type { SocketProtocol } from '../transport/types.ts';
import { type LocateOptions, locate, locateResponse, type Server } from './locate.ts';
import type { DnsRecords, DnsType, NaptrRecord, SrvRecord } from './records.ts';
import { weightedOrder } from './weighted-order.ts';

/** `TYPE name` → records; what is not in it is answered with none. */
type Zone = Record<string, DnsRecords[DnsType]>;

const naptr = (order: number, preference: number, services: string, replacement: string): NaptrRecord => ({
  order,
  preference,
  flags: 's',
  services,
  regexp: '',
  replacement,
});
const srv = (priority: number, weight: number, port: number, target: string): SrvRecord => ({
  priority,
  weight,
  port,
  target,
});

interface Circumstances {
  protocols?: readonly SocketProtocol[];
  families?: ReadonlyArray<4 | 6>;
  random?: () => number;
}

function solve(
  step: (options: LocateOptions) => ReturnType<typeof locate>,
  zone: Zone,
  { protocols = ['udp', 'tcp', 'tls'], families = [4, 6], random = () => 0 }: Circumstances = {},
): { servers: Server[]; asked: string[] } {
  const known = new Map<string, DnsRecords[DnsType]>();
  const options: LocateOptions = {
    protocols,
    families: () => families,
    random,
    answers: <T extends DnsType>(name: string, type: T) =>
      known.get(`${type} ${name}`) as DnsRecords[T] | undefined,
  };
  for (let round = 0; round < 5; round++) {
    const located = step(options);
    if ('servers' in located) return { servers: located.servers, asked: [...known.keys()] };
    for (const { name, type } of located.ask) known.set(`${type} ${name}`, zone[`${type} ${name}`] ?? []);
  }
  throw new Error('asks for ever');
}

function find(text: string, zone: Zone = {}, circumstances?: Circumstances) {
  const uri = parseUri(text);
  if (!uri) throw new Error(`no URI: ${text}`);
  const { servers, asked } = solve((options) => locate(uri, options), zone, circumstances);
  const lines = servers.map(
    ({ protocol, host, port, serverName }) =>
      `${protocol} ${host} ${port}${serverName === undefined ? '' : ` as ${serverName}`}`,
  );
  return { lines, asked };
}

const addresses: Zone = {
  'A sip.example.com': ['192.0.2.1'],
  'A a.example.com': ['192.0.2.11'],
  'A b.example.com': ['192.0.2.12'],
  'AAAA b.example.com': ['2001:db8::12'],
  'A c.example.com': ['192.0.2.13'],
};
const full: Zone = {
  ...addresses,
  'NAPTR example.com': [
    naptr(50, 50, 'SIPS+D2T', '_sips._tcp.example.com'),
    naptr(90, 50, 'SIP+D2T', '_sip._tcp.example.com'),
    naptr(100, 50, 'SIP+D2U', '_sip._udp.example.com'),
  ],
  'SRV _sips._tcp.example.com': [srv(0, 1, 5061, 'a.example.com')],
  'SRV _sip._tcp.example.com': [srv(0, 1, 5060, 'a.example.com'), srv(1, 1, 5070, 'c.example.com')],
  'SRV _sip._udp.example.com': [srv(0, 1, 5062, 'b.example.com')],
};

interface Row {
  rule: string;
  uri: string;
  zone?: Zone;
  circumstances?: Circumstances;
  servers: string[];
  /** Exactly what the DNS was asked, where the rule is about that. */
  asked?: string[];
}

const table: Row[] = [
  // 4.1 Selecting a transport protocol
  {
    rule: '4.1 a transport parameter is taken',
    uri: 'sip:192.0.2.5;transport=tcp',
    servers: ['tcp 192.0.2.5 5060'],
    asked: [],
  },
  {
    rule: '4.1 numeric, no transport: UDP for sip',
    uri: 'sip:192.0.2.5',
    servers: ['udp 192.0.2.5 5060'],
    asked: [],
  },
  {
    rule: '4.1 numeric, no transport: TLS for sips',
    uri: 'sips:192.0.2.5',
    servers: ['tls 192.0.2.5 5061'],
    asked: [],
  },
  { rule: '4.1 numeric with port', uri: 'sip:192.0.2.5:5090', servers: ['udp 192.0.2.5 5090'], asked: [] },
  {
    rule: '4.1 IPv6 reference',
    uri: 'sip:[2001:db8::5]:5090;transport=tls',
    servers: ['tls 2001:db8::5 5090'],
    asked: [],
  },
  {
    rule: '4.1 a port and no transport: UDP for sip, no NAPTR, no SRV',
    uri: 'sip:sip.example.com:5080',
    zone: { ...addresses, 'NAPTR sip.example.com': [naptr(1, 1, 'SIP+D2T', '_sip._tcp.example.com')] },
    servers: ['udp 192.0.2.1 5080'],
    asked: ['A sip.example.com', 'AAAA sip.example.com'],
  },
  {
    rule: '4.1 a port and no transport: TLS for sips',
    uri: 'sips:sip.example.com:5080',
    zone: addresses,
    servers: ['tls 192.0.2.1 5080 as sip.example.com'],
  },
  {
    rule: '4.1 NAPTR: the lowest order that we support',
    uri: 'sip:example.com',
    zone: full,
    servers: ['tls 192.0.2.11 5061 as example.com'],
  },
  {
    rule: '4.1 NAPTR: services that we do not support are passed over',
    uri: 'sip:example.com',
    zone: full,
    circumstances: { protocols: ['udp'] },
    servers: ['udp 192.0.2.12 5062', 'udp 2001:db8::12 5062'],
  },
  {
    rule: '4.1 NAPTR: the preference orders within one order',
    uri: 'sip:example.com',
    zone: {
      ...full,
      'NAPTR example.com': [
        naptr(10, 20, 'SIP+D2T', '_sip._tcp.example.com'),
        naptr(10, 10, 'SIP+D2U', '_sip._udp.example.com'),
      ],
    },
    servers: ['udp 192.0.2.12 5062', 'udp 2001:db8::12 5062', 'tcp 192.0.2.11 5060', 'tcp 192.0.2.13 5070'],
  },
  {
    rule: '4.1 NAPTR: sips takes SIPS services alone',
    uri: 'sips:example.com',
    zone: { ...full, 'NAPTR example.com': full['NAPTR example.com']?.slice().reverse() ?? [] },
    servers: ['tls 192.0.2.11 5061 as example.com'],
  },
  {
    rule: '4.1 NAPTR: WebSocket (RFC 7118 8.1) and ENUM records are not for us',
    uri: 'sip:example.com',
    zone: {
      ...full,
      'NAPTR example.com': [
        naptr(1, 1, 'SIP+D2W', '_sip._ws.example.com'),
        { ...naptr(2, 1, 'E2U+sip', ''), flags: 'u', regexp: '!^.*$!sip:x@example.com!' },
        naptr(3, 1, 'sip+d2u', '_sip._udp.example.com.'),
      ],
    },
    servers: ['udp 192.0.2.12 5062', 'udp 2001:db8::12 5062'],
  },
  {
    rule: '4.1 no NAPTR: SRV of each transport that we have',
    uri: 'sip:example.com',
    zone: { ...full, 'NAPTR example.com': [] },
    circumstances: { protocols: ['tcp', 'udp'] },
    servers: ['tcp 192.0.2.11 5060', 'tcp 192.0.2.13 5070', 'udp 192.0.2.12 5062', 'udp 2001:db8::12 5062'],
  },
  {
    rule: '4.1 no NAPTR, sips: SRV of TLS alone',
    uri: 'sips:example.com',
    zone: { ...full, 'NAPTR example.com': [] },
    servers: ['tls 192.0.2.11 5061 as example.com'],
    asked: ['NAPTR example.com', 'SRV _sips._tcp.example.com', 'A a.example.com', 'AAAA a.example.com'],
  },
  {
    rule: '4.1 neither NAPTR nor SRV: UDP for sip',
    uri: 'sip:sip.example.com',
    zone: addresses,
    servers: ['udp 192.0.2.1 5060'],
  },
  {
    rule: '4.1 neither NAPTR nor SRV: TLS for sips',
    uri: 'sips:sip.example.com',
    zone: addresses,
    servers: ['tls 192.0.2.1 5061 as sip.example.com'],
  },
  {
    rule: '26.2.2 sips over TCP is TLS',
    uri: 'sips:192.0.2.5;transport=tcp',
    servers: ['tls 192.0.2.5 5061'],
  },
  { rule: '26.2.2 sips over UDP is nothing', uri: 'sips:192.0.2.5;transport=udp', servers: [] },
  { rule: 'a transport that we do not dial', uri: 'sip:192.0.2.5;transport=ws', servers: [] },
  {
    rule: 'a transport that we do not have',
    uri: 'sip:192.0.2.5',
    circumstances: { protocols: [] },
    servers: [],
  },
  { rule: 'tel is no address', uri: 'tel:+14155550101', servers: [] },
  // 4.2 Determining port and IP address
  {
    rule: '4.2 a transport and no port: SRV of that transport, no NAPTR',
    uri: 'sip:example.com;transport=tcp',
    zone: full,
    servers: ['tcp 192.0.2.11 5060', 'tcp 192.0.2.13 5070'],
    asked: [
      'SRV _sip._tcp.example.com',
      'A a.example.com',
      'AAAA a.example.com',
      'A c.example.com',
      'AAAA c.example.com',
    ],
  },
  {
    rule: '4.2 transport=tls: SRV of SIPS',
    uri: 'sip:example.com;transport=TLS',
    zone: full,
    servers: ['tls 192.0.2.11 5061 as example.com'],
  },
  {
    rule: '4.2 no SRV: the addresses with the standard port',
    uri: 'sip:sip.example.com;transport=tcp',
    zone: addresses,
    servers: ['tcp 192.0.2.1 5060'],
  },
  {
    rule: '4.2 several addresses of one name, both families',
    uri: 'sip:b.example.com:5060',
    zone: addresses,
    servers: ['udp 192.0.2.12 5060', 'udp 2001:db8::12 5060'],
  },
  {
    rule: '4.2 the preferred family first',
    uri: 'sip:b.example.com:5060',
    zone: addresses,
    circumstances: { families: [6, 4] },
    servers: ['udp 2001:db8::12 5060', 'udp 192.0.2.12 5060'],
  },
  {
    rule: '4.2 a family that we do not have is not asked for',
    uri: 'sip:b.example.com:5060',
    zone: addresses,
    circumstances: { families: [6] },
    servers: ['udp 2001:db8::12 5060'],
    asked: ['AAAA b.example.com'],
  },
  {
    rule: '4.2 maddr is the target; the certificate is for the host (RFC 5922 4)',
    uri: 'sips:example.com;maddr=192.0.2.9',
    servers: ['tls 192.0.2.9 5061 as example.com'],
    asked: [],
  },
  {
    rule: '4.2 maddr may be a name',
    uri: 'sip:example.com;maddr=example.com;transport=udp',
    zone: full,
    servers: ['udp 192.0.2.12 5062', 'udp 2001:db8::12 5062'],
  },
  {
    rule: 'RFC 2782 the root as target: no such service',
    uri: 'sip:sip.example.com;transport=udp',
    zone: { ...addresses, 'SRV _sip._udp.sip.example.com': [srv(0, 0, 5060, '')] },
    servers: [],
  },
  {
    rule: 'a target without addresses is passed over',
    uri: 'sip:example.com;transport=udp',
    zone: {
      ...full,
      'SRV _sip._udp.example.com': [srv(0, 0, 5060, 'gone.example.com'), srv(1, 0, 5060, 'c.example.com')],
    },
    servers: ['udp 192.0.2.13 5060'],
  },
  {
    rule: 'names are compared without case',
    uri: 'sip:EXAMPLE.com;transport=udp',
    zone: full,
    servers: ['udp 192.0.2.12 5062', 'udp 2001:db8::12 5062'],
  },
  { rule: 'nothing is known of the name', uri: 'sip:nowhere.example', servers: [] },
];

describe('locating servers, RFC 3263 section 4', () => {
  for (const { rule, uri, zone, circumstances, servers, asked } of table) {
    it(`${rule}: ${uri}`, () => {
      const found = find(uri, zone, circumstances);
      expect(found.lines).toEqual(servers);
      if (asked) expect(found.asked).toEqual(asked);
    });
  }

  it('tries no more than 32 targets, whatever the DNS says', () => {
    const many = Array.from({ length: 100 }, (_, index) => srv(index, 0, 5060, '192.0.2.1'));
    expect(find('sip:example.com;transport=udp', { 'SRV _sip._udp.example.com': many }).lines).toHaveLength(
      32,
    );
  });
});

describe('locating where a response goes, RFC 3263 section 5', () => {
  const lines = (host: string, port: number | undefined) =>
    solve((options) => locateResponse({ protocol: 'tcp', host, port }, options), full).servers.map(
      (server) => `${server.protocol} ${server.host} ${server.port}`,
    );

  it('a sent-by with a port: its addresses', () => {
    expect(lines('sip.example.com', 5090)).toEqual(['tcp 192.0.2.1 5090']);
  });
  it('a sent-by without a port: SRV of the transport', () => {
    expect(lines('example.com', undefined)).toEqual(['tcp 192.0.2.11 5060', 'tcp 192.0.2.13 5070']);
  });
  it('a sent-by that is an address', () => {
    expect(lines('192.0.2.7', undefined)).toEqual(['tcp 192.0.2.7 5060']);
  });
});

describe('weights, RFC 2782', () => {
  const items = (...weights: number[]) => weights.map((weight, index) => ({ priority: 0, weight, index }));

  it('never tries a lower priority before a higher one, and loses nobody', () => {
    const item = fc.record({ priority: fc.nat(3), weight: fc.nat(100) });
    fc.assert(
      fc.property(
        fc.array(item),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (all, draws) => {
          const order = weightedOrder(all, () => draws.next().value);
          expect(order).toHaveLength(all.length);
          expect(new Set(order)).toEqual(new Set(all));
          expect(order.map(({ priority }) => priority)).toEqual(all.map(({ priority }) => priority).sort());
        },
      ),
    );
  });

  it('chooses in proportion to the weights', () => {
    const counts = [0, 0, 0];
    // Every number that can be drawn, as often: 0 to 100 for a sum of 100.
    for (let drawn = 0; drawn <= 100; drawn++) {
      const [first] = weightedOrder(items(70, 30, 0), () => (drawn + 0.5) / 101);
      if (first) counts[first.index] = (counts[first.index] ?? 0) + 1;
    }
    expect(counts).toEqual([70, 30, 1]);
  });
});
