export type { ForwardReason } from './arrival.ts';
export type { CallRecord, LegQuality } from './call-records.ts';
export {
  type ActiveCallView,
  CallService,
  type CallServiceOptions,
  type Trunk,
  type TrunkDirectory,
} from './call-service.ts';
export type { CallInterceptor, Interception, SpecialCall } from './interceptor.ts';
export { overloadHeaders } from './sip-causes.ts';
export type { TestCallState } from './test-call.ts';
export { TestCalls, type TestCallsOptions } from './test-calls.ts';
export { type Direction, TrunkLoad, type TrunkStats } from './trunk-load.ts';
