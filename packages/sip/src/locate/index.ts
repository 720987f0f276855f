export { DeadServers } from './dead-servers.ts';
export { DnsCache, type DnsCacheOptions } from './dns-cache.ts';
export { type DnsAnswer, DnsClient, type DnsClientOptions, DnsError, type DnsSource } from './dns-client.ts';
export {
  type Located,
  type LocateOptions,
  locate,
  locateResponse,
  type Question,
  type Server,
} from './locate.ts';
export { Locator, type LocatorOptions } from './locator.ts';
export type { DnsRecords, DnsType, NaptrRecord, Resolver, SrvRecord } from './records.ts';
export { type Weighted, weightedOrder } from './weighted-order.ts';
