export type { DeviceAddress } from './binding-table.ts';
export type { DeviceIdentity } from './device-directory.ts';
export type { RegisterLimits } from './register-contacts.ts';
export { type Authentication, Registrar, type RegistrarOptions } from './registrar.ts';
