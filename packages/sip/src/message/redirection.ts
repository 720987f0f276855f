import { unescapeUri } from './escape.ts';
import { type Params, parseDecimal, splitList } from './grammar.ts';
import type { SipHeaders } from './headers.ts';
import { parseNameAddr } from './name-addr.ts';
import { parseUri, splitSipUri } from './uri.ts';
import { parseReason, type Reason } from './values.ts';

/** One Diversion value: who diverted the call, and why (RFC 5806). */
export interface DiversionEntry {
  displayName?: string;
  /** The diverting party. */
  uri: string;
  /** In lower case: unknown, user-busy, no-answer, unavailable, unconditional, time-of-day, do-not-disturb, deflection, follow-me, out-of-service, away, or an extension. */
  reason?: string;
  /** Diversions that this entry stands for; 1 when absent (RFC 5806 5.2). */
  counter: number;
  limit?: number;
  privacy?: string;
  screen?: boolean;
  params: Params;
}

/** The Diversion values of a message as they stand, the last diversion first (RFC 5806 4.2). Malformed ones are left out. */
export function parseDiversion(headers: SipHeaders): DiversionEntry[] {
  return headers.getAll('diversion').flatMap((value) => diversionEntry(value) ?? []);
}

function diversionEntry(value: string): DiversionEntry | undefined {
  const address = parseNameAddr(value);
  if (address === undefined) return undefined;
  const { params } = address;
  const screen = params.get('screen')?.toLowerCase();
  return {
    ...address,
    counter: number(params, 'counter') ?? 1,
    ...defined('reason', params.get('reason')?.toLowerCase()),
    ...defined('limit', number(params, 'limit')),
    ...defined('privacy', params.get('privacy')?.toLowerCase()),
    ...defined('screen', screen === undefined ? undefined : screen === 'yes'),
  };
}

/** One History-Info value: a target the call was sent to (RFC 7044). */
export interface HistoryInfoEntry {
  displayName?: string;
  /** The target, without the headers embedded in it. */
  uri: string;
  /** Position in the tree of targets, `1.2.1`. Absent when missing or malformed. */
  index?: string;
  /** The first embedded Reason: why this target was left for the next one (RFC 7044 5, RFC 3326). */
  reason?: Reason;
  /** Every embedded Reason. */
  reasons: Reason[];
  /** Embedded Privacy, in lower case (`history`). */
  privacy?: string;
  /** The `cause` URI parameter of RFC 4458: why the call was sent to this target. */
  cause?: number;
  /** How the target came about: `rc` same user, `mp` another user, `np` no change (RFC 7044 5). */
  mapping?: 'rc' | 'mp' | 'np';
  /** Index of the entry this one comes from. */
  mappedFrom?: string;
  params: Params;
}

/**
 * The History-Info values of a message in the order of their indexes, parents before children (RFC 7044 10.3), or as
 * they stand when one has no index. Malformed ones are left out.
 */
export function parseHistoryInfo(headers: SipHeaders): HistoryInfoEntry[] {
  const entries = headers.getAll('history-info').flatMap((value) => historyEntry(value) ?? []);
  if (entries.some((entry) => entry.index === undefined)) return entries;
  return entries.sort((a, b) => compareIndexes(a.index!, b.index!));
}

function historyEntry(value: string): HistoryInfoEntry | undefined {
  const address = parseNameAddr(value);
  if (address === undefined) return undefined;
  const { params } = address;
  const target = parseUri(address.uri);
  const question = address.uri.indexOf('?');
  const reasons = embedded(address.uri, 'reason').flatMap((text) => parseReason(text) ?? []);
  const privacy = embedded(address.uri, 'privacy')[0]?.toLowerCase();
  const mapping = (['rc', 'mp', 'np'] as const).find((name) => params.has(name));
  return {
    ...address,
    uri: question < 0 ? address.uri : address.uri.slice(0, question),
    reasons,
    ...defined('reason', reasons[0]),
    ...defined('privacy', privacy),
    ...defined('index', indexOf(params.get('index'))),
    ...defined('cause', parseDecimal(target?.params.get('cause') ?? '', 699)),
    ...defined('mapping', mapping),
    ...defined('mappedFrom', mapping === undefined ? undefined : indexOf(params.get(mapping))),
  };
}

/** Values of a header embedded in a URI. It may stand there several times, and hold a list. */
function embedded(uri: string, name: string): string[] {
  const headers = splitSipUri(uri)?.headers ?? [];
  const values = headers.filter(([header]) => unescapeUri(header).toLowerCase() === name);
  return values.flatMap(([, value]) => splitList(unescapeUri(value)));
}

/** RFC 7044 5: numbers separated by dots. */
function indexOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9]+(?:\.[0-9]+)*$/.test(text) ? text : undefined;
}

function compareIndexes(a: string, b: string): number {
  const numbersA = a.split('.').map(Number);
  const numbersB = b.split('.').map(Number);
  for (let at = 0; at < Math.min(numbersA.length, numbersB.length); at++) {
    const difference = numbersA[at]! - numbersB[at]!;
    if (difference !== 0) return difference;
  }
  return numbersA.length - numbersB.length;
}

function number(params: Params, name: string): number | undefined {
  return parseDecimal(params.get(name) ?? '', 2 ** 31 - 1);
}

/** An object with the property, or without it when there is no value. */
function defined<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: Value });
}
