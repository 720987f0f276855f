export type { ForwardingCommands } from './commands.ts';
export { type CarrierInfo, Forwarding } from './forwarding.ts';
