export { askSoftphone } from './ask-softphone.ts';
export type { DeviceAddress } from './binding-table.ts';
export type { DeviceIdentity } from './device-directory.ts';
export type { RegisterLimits } from './register-contacts.ts';
export {
  type Authentication,
  Registrar,
  type RegistrarOptions,
  type SoftphoneLiveness,
} from './registrar.ts';
export { type GuardLimits, type GuardStats, SourceGuard } from './source-guard.ts';
