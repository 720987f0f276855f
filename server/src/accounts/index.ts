export { Accounts, type AccountsOptions, type LoggedIn } from './accounts.ts';
export type { ClosedAccount, Confirmation } from './closing.ts';
export type { CreatedDevice, Device, NewDevice } from './devices.ts';
export { type Notice, Notices } from './notices.ts';
export { toE164 } from './number.ts';
export type { AccountNumber, Claim, ProvedNumber } from './numbers.ts';
export type { Session, Tokens } from './sessions.ts';
export type { SipCredentials } from './sip-credentials.ts';
