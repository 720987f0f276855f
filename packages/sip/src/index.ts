export * from './auth/index.ts';
export * from './errors.ts';
export {
  type DnsRecords,
  type DnsType,
  type NaptrRecord,
  type Resolver,
  type SrvRecord,
  type Weighted,
  weightedOrder,
} from './locate/index.ts';
export * from './message/index.ts';
export * from './subscription/index.ts';
export * from './transient.ts';
export * from './transport/index.ts';
export * from './ua/index.ts';
