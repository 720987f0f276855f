export { DataInUseError, lockDataDir } from './data-lock.ts';
export type {
  AnswerMode,
  CallOutcome,
  Database,
  DeviceKind,
  ValidationPurpose,
  ValidationStatus,
} from './database.ts';
export { newId } from './ids.ts';
export { deriveKey, loadMasterKey } from './master-key.ts';
export { openStore, type Store, type StoreOptions } from './store.ts';
