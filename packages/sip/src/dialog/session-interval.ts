import { parseExpires, type SipHeaders, type SipRequest, type SipResponse } from '../message/index.ts';

/** How long sessions may last without a sign of life, RFC 4028. */
export interface SessionIntervals {
  /** What we propose. At least `minSeconds`. */
  expiresSeconds: number;
  /** What we accept at least (Min-SE); 90 or more. */
  minSeconds: number;
}

/** Who sends the refreshes: the sender of the request that settled it (`uac`), or its receiver. */
export type Refresher = 'uac' | 'uas';

/** An interval that both sides keep. */
export interface SessionInterval {
  seconds: number;
  refresher: Refresher;
}

/** What the UAS makes of a session refresh request: no timer, 422 with this Min-SE, or an interval for its 2xx. */
export type IntervalVerdict =
  | { type: 'none' }
  | { type: 'refuse'; minSeconds: number }
  | { type: 'accept'; interval: SessionInterval; peerSupports: boolean };

/** RFC 4028 section 4: no interval is shorter. */
export const leastSeconds = 90;
/** Longer ones are shortened: a timer of Node holds 24 days. */
const mostSeconds = 1_000_000;

/** The value of Session-Expires; undefined when absent or malformed. */
export function parseSessionExpires(
  headers: SipHeaders,
): { seconds: number; refresher: Refresher | undefined } | undefined {
  const value = headers.get('Session-Expires');
  const match = /^\s*(\d{1,10})\s*(;.*)?$/.exec(value ?? '');
  if (!match) return undefined;
  const refresher = /;\s*refresher\s*=\s*(uac|uas)\s*(;|$)/i.exec(match[2] ?? '')?.[1]?.toLowerCase();
  return { seconds: Number(match[1]), refresher: refresher as Refresher | undefined };
}

/** The seconds of Min-SE; parameters are passed over. */
export function parseMinSe(headers: SipHeaders): number | undefined {
  return parseExpires((headers.get('Min-SE') ?? '').split(';', 1)[0]?.trim() ?? '');
}

/** RFC 4028 section 9: what the UAS answers to an INVITE or UPDATE. */
export function judgeInterval(request: SipRequest, ours: SessionIntervals): IntervalVerdict {
  const { headers } = request;
  const peerSupports = supportsTimer(headers);
  const asked = parseSessionExpires(headers);
  if (!asked && !peerSupports) return { type: 'none' };
  // Who does not know the extension could not read a 422; a proxy has asked in its name.
  if (asked && peerSupports && asked.seconds < ours.minSeconds)
    return { type: 'refuse', minSeconds: ours.minSeconds };
  const floor = Math.max(parseMinSe(headers) ?? leastSeconds, ours.minSeconds);
  const wanted = Math.max(ours.expiresSeconds, floor);
  const seconds = bounded(asked ? Math.min(asked.seconds, wanted) : wanted);
  // Table 2: a peer without the extension cannot refresh.
  const refresher = peerSupports ? (asked?.refresher ?? 'uac') : 'uas';
  return { type: 'accept', interval: { seconds, refresher }, peerSupports };
}

/** RFC 4028 section 7.2: what a 2xx to our request has settled; undefined: there is no session timer. */
export function settledInterval(response: SipResponse): SessionInterval | undefined {
  const given = parseSessionExpires(response.headers);
  return given && { seconds: bounded(given.seconds), refresher: given.refresher ?? 'uac' };
}

/** RFC 4028 section 10: so long before its end an interval without a refresh ends the session. */
export function graceSeconds(seconds: number): number {
  return Math.min(32, seconds / 3);
}

function supportsTimer(headers: SipHeaders): boolean {
  const tags = [...headers.getAll('Supported'), ...headers.getAll('Require')];
  return tags.some((tag) => tag.toLowerCase() === 'timer');
}

function bounded(seconds: number): number {
  return Math.min(Math.max(seconds, leastSeconds), mostSeconds);
}
