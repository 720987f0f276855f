export { type Carrier, CarrierCatalogue } from './catalogue.ts';
export { type SmsGateway, SmsOutbox, type SmsOutboxOptions } from './sms-outbox.ts';
export {
  type PostedMessage,
  type PostToSelf,
  type Sms,
  type SmsCarrier,
  type SmsResult,
  SmsWebhook,
} from './sms-webhook.ts';
