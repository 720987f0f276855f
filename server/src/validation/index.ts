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
export type { Carriers, NumberOwner, Possibilities } from './possibilities.ts';
export type { SendLimits } from './send-limits.ts';
export { SmsCode, type SmsCodeOptions } from './sms-code.ts';
export type { ValidationStanding } from './standing.ts';
export {
  type Asker,
  type SpendRequest,
  type StartedValidation,
  type StartRequest,
  Validations,
  type ValidationsOptions,
} from './validations.ts';
