import { formatParams, parseExpires, parseValueParams, type SipHeaders } from '../message/index.ts';

/** Why a subscription is over, RFC 6665 section 4.1.3; peers may give reasons of their own. */
export type TerminationReason =
  | 'deactivated'
  | 'probation'
  | 'rejected'
  | 'timeout'
  | 'giveup'
  | 'noresource'
  | 'invariant';

/** Value of Subscription-State, RFC 6665 section 8.4. */
export interface SubscriptionState {
  /** `active`, `pending`, `terminated`, or an extension: the same as `pending` to who does not know it. */
  state: string;
  /** Seconds that are left, where it is not terminated. */
  expires?: number;
  /** Only where it is terminated. */
  reason?: TerminationReason | (string & {});
  /** Seconds after which to subscribe again. */
  retryAfter?: number;
}

/** The Event header of a message, RFC 6665 section 8.2.1: the package in lower case, and which of several subscriptions. */
export interface EventName {
  package: string;
  id: string | undefined;
}

/** Undefined when there is none, or a malformed one. */
export function eventOf(headers: SipHeaders): EventName | undefined {
  const parsed = parseValueParams(headers.get('Event') ?? '');
  if (parsed === undefined || parsed.value === '') return undefined;
  return { package: parsed.value, id: parsed.params.get('id') };
}

/** Section 8.2.1: equal packages and equal ids; other parameters do not count. */
export function sameEvent(a: EventName | undefined, b: EventName | undefined): boolean {
  return a !== undefined && b !== undefined && a.package === b.package && a.id === b.id;
}

/** The value of an Event header. The id is a peer's text, quoted where it has to be. */
export function formatEvent(event: EventName): string {
  return event.id === undefined ? event.package : event.package + formatParams(new Map([['id', event.id]]));
}

/** Undefined when malformed. */
export function parseSubscriptionState(text: string): SubscriptionState | undefined {
  const parsed = parseValueParams(text);
  if (parsed === undefined || parsed.value === '') return undefined;
  const state: SubscriptionState = { state: parsed.value };
  const expires = parseExpires(parsed.params.get('expires') ?? '');
  const retryAfter = parseExpires(parsed.params.get('retry-after') ?? '');
  const reason = parsed.params.get('reason')?.toLowerCase();
  if (expires !== undefined) state.expires = expires;
  if (reason !== undefined) state.reason = reason;
  if (retryAfter !== undefined) state.retryAfter = retryAfter;
  return state;
}

/** The value of a Subscription-State header. */
export function formatSubscriptionState({ state, expires, reason, retryAfter }: SubscriptionState): string {
  let text = state;
  if (expires !== undefined) text += `;expires=${expires}`;
  if (reason !== undefined) text += `;reason=${reason}`;
  if (retryAfter !== undefined) text += `;retry-after=${retryAfter}`;
  return text;
}
