export { type RegisterOptions, type Registration, register } from './registration.ts';
export { SipStack, type StackEvents } from './sip-stack.ts';
export type * from './subscription-types.ts';
export type * from './types.ts';
