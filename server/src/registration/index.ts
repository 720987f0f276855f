export { askSoftphone } from './ask-softphone.ts';
export type { Authentication } from './authenticator.ts';
export type { DeviceAddress, RegisteredContact } from './device-address.ts';
export type { DeviceIdentity } from './device-identity.ts';
export type { EdgeProxy } from './edge-proxies.ts';
export type { SoftphoneLiveness } from './location-service.ts';
export type { RegisterLimits } from './register-contacts.ts';
export {
  Registrar,
  type RegistrarOptions,
} from './registrar.ts';
export { type GuardLimits, type GuardStats, SourceGuard } from './source-guard.ts';
