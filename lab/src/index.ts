export { type LabPluginOptions, labPlugin } from './http/plugin.ts';
export { type DialResult, Lab, type LabEvent, type LabLog, type LabOptions, type Speech } from './lab.ts';
export type { LadderEntry, Participant } from './ladder.ts';
export type { Heard } from './media/handset-audio.ts';
export type { HeardTone } from './media/tone-ear.ts';
export { defaultCarriers, defaultSmsToken } from './model/defaults.ts';
export { LabError, type LabErrorCode } from './model/errors.ts';
export type { InboxSms, SmsRecord } from './model/sms-centre.ts';
export type {
  CarrierCondition,
  CarrierOptions,
  Coverage,
  Diverted,
  DivertReason,
  HandsetOptions,
  HandsetRole,
  NetworkFamily,
  RedirectionHeaders,
  Ringback,
  TrunkCodec,
} from './model/types.ts';
export type { PostJson, SmsWebhookOptions } from './sms/http-uplink.ts';
export { SmppListenError } from './sms/smpp-centre.ts';
export type { SmsLinkState } from './sms/sms-links.ts';
export type { CallView, CarrierView, HandsetView } from './views.ts';
