export { type MessageCounts, MessageSummary, voicemailUser } from './message-summary.ts';
export { RegistrationInformation } from './registration-information.ts';
export {
  type SubscriptionLimits,
  SubscriptionService,
  type SubscriptionServiceOptions,
} from './subscription-service.ts';
export type { EventPackage } from './types.ts';
export { UnsolicitedSummary } from './unsolicited-summary.ts';
