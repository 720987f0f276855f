export type { ForwardingCommands } from './commands.ts';
export { type CarrierInfo, Forwarding, type ForwardingOptions, type TellPerson } from './forwarding.ts';
export type { ForwardingRecord } from './records.ts';
export type { CheckSeen, ForwardingAction, ForwardingCheck, ForwardingView } from './types.ts';
