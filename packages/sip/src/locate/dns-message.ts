import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import { type DnsRecords, type DnsType, plainName } from './records.ts';

/** What a DNS server said to one question. */
export type DnsReply<T extends DnsType = DnsType> =
  /** `ttlMs`: how long it holds; of an empty answer as RFC 2308 section 5 says, undefined where nothing does. */
  | { kind: 'answer'; records: DnsRecords[T]; ttlMs: number | undefined }
  /** The name is another one's, whose records did not come along. */
  | { kind: 'alias'; name: string; ttlMs: number }
  /** RFC 1035 section 4.2.1: to be asked again over TCP. */
  | { kind: 'truncated' }
  /** The server could not say (SERVFAIL, REFUSED …): another may. */
  | { kind: 'failed'; code: string };

interface Question {
  name: string;
  type: DnsType;
}

/** RFC 9715: what reaches everybody in one datagram. */
const payload = 1_232;
const maxAliases = 16;
/** More servers than anybody has; to put thousands in order would take long, and a peer may name a domain of its own. */
const maxRecords = 256;

/**
 * A query for one question, RFC 1035 section 4 and RFC 6891. @param id 0 to 65535
 * @throws for a name that no DNS can hold
 */
export function dnsQuery(id: number, { name, type }: Question): Buffer {
  const labels = name.split('.');
  // RFC 1035 section 2.3.4.
  if (name.length > 253 || labels.some((label) => label === '' || label.length > 63))
    throw new Error('no domain name');
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: 'IN' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: payload, flags: 0, options: [] } as never],
  });
}

/** Reads the response to a query; undefined when it is none to this one (or no DNS at all). */
export function readDnsReply<T extends DnsType>(
  bytes: Buffer,
  id: number,
  question: { name: string; type: T },
): DnsReply<T> | undefined {
  let packet: Packet & { rcode?: string; flag_tc?: boolean };
  try {
    packet = decode(bytes);
  } catch {
    return undefined;
  }
  const asked = packet.questions?.[0];
  if (packet.type !== 'response' || packet.id !== id || asked === undefined) return undefined;
  if (plainName(asked.name) !== plainName(question.name) || asked.type !== question.type) return undefined;
  if (packet.flag_tc === true) return { kind: 'truncated' };
  const code = packet.rcode ?? 'NOERROR';
  if (code !== 'NOERROR' && code !== 'NXDOMAIN') return { kind: 'failed', code };
  return readAnswers(packet, question);
}

function readAnswers<T extends DnsType>(
  packet: Packet,
  { name, type }: { name: string; type: T },
): DnsReply<T> {
  const answers = packet.answers ?? [];
  let owner = plainName(name);
  let ttl = Number.POSITIVE_INFINITY;
  for (let aliases = 0; aliases < maxAliases; aliases++) {
    const own = answers.filter((answer) => plainName(answer.name) === owner);
    const records = own.filter((answer) => answer.type === type).slice(0, maxRecords);
    if (records.length > 0) {
      for (const record of records) ttl = Math.min(ttl, secondsOf(record));
      return { kind: 'answer', records: records.flatMap(recordOf) as DnsRecords[T], ttlMs: ttl * 1_000 };
    }
    const alias = own.find((answer) => answer.type === 'CNAME');
    if (alias?.type !== 'CNAME') break;
    owner = plainName(alias.data);
    ttl = Math.min(ttl, secondsOf(alias));
  }
  const soa = (packet.authorities ?? []).find((answer) => answer.type === 'SOA');
  if (owner !== plainName(name) && soa === undefined)
    return { kind: 'alias', name: owner, ttlMs: ttl * 1_000 };
  if (soa?.type !== 'SOA') return { kind: 'answer', records: [] as never, ttlMs: undefined };
  const negative = Math.min(ttl, secondsOf(soa), soa.data.minimum ?? 0);
  return { kind: 'answer', records: [] as never, ttlMs: negative * 1_000 };
}

const secondsOf = (answer: Answer): number => ('ttl' in answer ? (answer.ttl ?? 0) : 0);

function recordOf(answer: Answer): Array<DnsRecords[DnsType][number]> {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return [answer.data];
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return [{ priority, weight, port, target: plainName(target) }];
    }
    case 'NAPTR':
      return [{ ...answer.data, replacement: plainName(answer.data.replacement) }];
    default:
      return [];
  }
}
