export type { NotifierLimits, NotifyCause, SubscriptionEnd } from './notifier-machine.ts';
export type { SubscriberEnd, SubscriberState } from './subscriber-machine.ts';
export {
  type EventName,
  eventOf,
  formatEvent,
  formatSubscriptionState,
  parseSubscriptionState,
  type SubscriptionState,
  sameEvent,
  type TerminationReason,
} from './subscription-headers.ts';
