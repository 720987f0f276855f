export { SipStack, type StackEvents } from './sip-stack.ts';
export type * from './types.ts';
