export {
  type Carrier,
  CarrierCatalogue,
  type CarrierOfNumber,
  type CatalogueSource,
  type Portability,
} from './catalogue.ts';
export { CatalogueEditor, type CatalogueEditorOptions, type CatalogueEntry } from './catalogue-editor.ts';
export { CatalogueFile } from './catalogue-file.ts';
export { EnumLookup } from './enum-lookup.ts';
export { type MobileNetwork, networkName, networksOfCountry } from './networks.ts';
export { costsExtra } from './number-cost.ts';
export type { NumberFormat } from './number-format.ts';
export { PortabilityCache, type PortabilityLookup } from './portability.ts';
export {
  type InboundSms,
  type PostAnswer,
  type PostedMessage,
  type PostToSelf,
  type SmsGateway,
  type SmsHttpInbound,
  type SmsInbox,
  type SmsListener,
  type SmsOptions,
  SmsService,
  type SmsServiceOptions,
  type SmsStats,
  type WebhookCredentials,
} from './sms/index.ts';
export {
  type OutboundCall,
  type OutboundCallEvents,
  type OutboundFailure,
  TrunkDialer,
  type TrunkDialerOptions,
  type TrunkState,
} from './trunk-dialer.ts';
export type { OutboundCallOptions } from './trunk-request.ts';
export { type CarrierTrunk, type PasswordGuard, Trunks, type TrunksOptions } from './trunks.ts';
export type { VoiceCall, VoiceCallEnd, VoiceCallListener, VoiceCallRequest } from './voice-call.ts';
export { VoiceCalls, type VoiceCallsOptions } from './voice-calls.ts';
