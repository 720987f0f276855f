export { Alerting, type AlertingOptions, defaultGreetingFile } from './alerting.ts';
export type { AlertingResult, CarrierLeg, HandOver, HandOverReason, MissedCall } from './types.ts';
export type { Voicemail } from './voicemails.ts';
