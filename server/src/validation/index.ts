export type { Challenge, MechanismRequest, ValidationMechanism } from './mechanism.ts';
export type { SendLimits } from './send-limits.ts';
export { SmsCode, type SmsCodeOptions } from './sms-code.ts';
export {
  type SpendRequest,
  type StartedValidation,
  type StartRequest,
  Validations,
  type ValidationsOptions,
} from './validations.ts';
