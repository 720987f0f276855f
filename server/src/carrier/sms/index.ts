export type { Sms, SmsCarrier, SmsResult } from './carrier.ts';
export type { PostAnswer, PostedMessage, PostToSelf } from './http-carrier.ts';
export type { SmsHttpInbound, WebhookCredentials } from './http-inbound.ts';
export type { InboundSms, SmsInbox, SmsListener } from './inbox.ts';
export type { SmsGateway, SmsOptions } from './outbox.ts';
export { SmsService, type SmsServiceOptions, type SmsStats } from './service.ts';
