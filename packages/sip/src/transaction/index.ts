export { InviteClientTransaction } from './invite-client-transaction.ts';
export { InviteServerTransaction } from './invite-server-transaction.ts';
export type { Output, TimerName } from './machine.ts';
export { NonInviteClientTransaction } from './non-invite-client-transaction.ts';
export { NonInviteServerTransaction } from './non-invite-server-transaction.ts';
export { reasonPhrase, responseTo } from './response.ts';
