export type { Count, ValidationStats } from './counters.ts';
export { Keys, type KeysOptions } from './keys.ts';
export type {
  Beginning,
  Challenge,
  ChallengeKind,
  Channel,
  MechanismRequest,
  ProofDesk,
  SourceEvent,
  ValidationDetail,
  ValidationMechanism,
  Verdict,
} from './mechanism.ts';
export { type IncomingProofCall, MissedCall, type MissedCallOptions } from './missed-call.ts';
export type { Carriers, NumberOwner, Possibilities } from './possibilities.ts';
export type { Asker, ValidationStanding } from './rows.ts';
export type { SendLimits } from './send-limits.ts';
export { SmsCode, type SmsCodeOptions } from './sms-code.ts';
export { SmsConfirm, type SmsConfirmOptions } from './sms-confirm.ts';
export { SmsFromClient, type SmsFromClientOptions } from './sms-from-client.ts';
export { SpokenCode, type SpokenCodeOptions } from './spoken-code.ts';
export type { StartedValidation, StartRequest } from './starting.ts';
export { type SpendRequest, Validations, type ValidationsOptions, type Wait } from './validations.ts';
