export {
  IceLiteAgent,
  type IceLiteAgentOptions,
  type IceLiteOutput,
  type IceLiteState,
} from './agent/ice-lite-agent.ts';
export { createCertificate, type DtlsCertificate, type Fingerprint } from './dtls/certificate.ts';
export {
  DEFAULT_DTLS_TIMERS,
  type DtlsOutput,
  DtlsSession,
  type DtlsSessionOptions,
  type DtlsState,
  type DtlsTimers,
} from './dtls/dtls-session.ts';
export type { DtlsRole, SrtpKeys } from './dtls/handshake-context.ts';
export { IcePort, type IcePortDrops, type IcePortOptions } from './port/ice-port.ts';
export type {
  IceSession,
  IceSessionHandlers,
  IceSessionState,
  RemoteParameters,
} from './port/ice-session.ts';
export {
  errorCode,
  parseErrorCode,
  parseXorMappedAddress,
  xorMappedAddress,
} from './stun/stun-attributes.ts';
export * from './stun/stun-message.ts';
