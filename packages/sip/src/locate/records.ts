/** The questions that RFC 3263 asks of the DNS. */
export type DnsType = 'A' | 'AAAA' | 'SRV' | 'NAPTR';

/** RFC 2782. */
export interface SrvRecord {
  priority: number;
  weight: number;
  port: number;
  /** A host name; empty (the root): the service is decidedly not there. */
  target: string;
}

/** RFC 3403. */
export interface NaptrRecord {
  order: number;
  preference: number;
  flags: string;
  services: string;
  regexp: string;
  replacement: string;
}

/** What each question is answered with; no records: there is no such name, or nothing of the type. */
export interface DnsRecords {
  A: string[];
  AAAA: string[];
  SRV: SrvRecord[];
  NAPTR: NaptrRecord[];
}

/** Asks the DNS. Rejects only when nobody could say: no server answered, or those that did had failed. */
export interface Resolver {
  resolve<T extends DnsType>(name: string, type: T): Promise<DnsRecords[T]>;
  /** Ends what is under way. Idempotent. */
  close(): void;
}

/** Names are compared without case and without the dot of the root (RFC 1035 section 2.3.3). */
export function plainName(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}
