export type { StoreDialect } from './backend.ts';
export { copyStore } from './copy-store.ts';
export { DataInUseError, lockDataDir } from './data-lock.ts';
export type {
  AnswerMode,
  CallOutcome,
  Database,
  DeviceKind,
  ValidationPurpose,
  ValidationStatus,
} from './database.ts';
export { type ConstraintKind, constraintOf, isTemporary, StoreUnavailableError } from './errors.ts';
export { newId } from './ids.ts';
export { deriveKey, loadMasterKey } from './master-key.ts';
export { prepareQuery } from './prepared-query.ts';
export type { SmsDelivery } from './sms-tables.ts';
export { dialectOf, openStore, readRows, type Store, type StoreOptions, writeTogether } from './store.ts';
export { StoreWriteError } from './writer/store-writer.ts';
