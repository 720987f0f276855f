export { CheckSchedule, type CheckScheduleOptions } from './check-schedule.ts';
export { ForwardingChecks, type ForwardingChecksOptions } from './checks.ts';
export type { ForwardingCommands } from './commands.ts';
export { type CarrierInfo, Forwarding, type ForwardingOptions, type TellPerson } from './forwarding.ts';
export { reportedState } from './provisioning/http.ts';
export type { AskSelf } from './provisioning/http-client.ts';
export type { ForwardingRecord } from './records.ts';
export type { ReturningCall } from './returning-call.ts';
export type { CheckSeen, ForwardingAction, ForwardingCheck, ForwardingView } from './types.ts';
