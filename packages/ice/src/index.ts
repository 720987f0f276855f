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
export {
  errorCode,
  parseErrorCode,
  parseXorMappedAddress,
  xorMappedAddress,
} from './stun/stun-attributes.ts';
export * from './stun/stun-message.ts';
