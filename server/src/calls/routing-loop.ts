import { type HistoryInfoEntry, parseDiversion, parseHistoryInfo, type SipRequest } from '@ringthrough/sip';
import type { Arrival, TrunkNumbers } from './arrival.ts';
import { numberOfUri } from './numbers.ts';

export interface LoopRules {
  /** Whether an E.164 number is the C number of any of our carriers. */
  isCNumber(number: string): boolean;
  /** A call that was diverted more often is not taken; ITU-T Q.732.2 counts to five. */
  maxDiversions: number;
}

/**
 * Why a call must not ring: it has been here before, or is about to go round. `loop` when a number diverts it that has
 * diverted it before, or the C number is in its past, or the caller is a C number (a forwarding check of ours that came
 * back, a switch that calls itself); `too-many-diversions` when it was handed on more often than allowed.
 */
export function routingLoop(
  request: SipRequest,
  arrival: Pick<Arrival, 'calling'>,
  trunk: TrunkNumbers,
  rules: LoopRules,
): 'loop' | 'too-many-diversions' | undefined {
  if (arrival.calling !== undefined && rules.isCNumber(arrival.calling)) return 'loop';
  const diversions = parseDiversion(request.headers);
  const history = lineage(parseHistoryInfo(request.headers));
  const past = [
    // The first diversion is at the bottom, and the call is now at the C number.
    [...diversions.map((entry) => entry.uri).reverse(), trunkUri(trunk)],
    [...history.map((entry) => entry.uri), trunkUri(trunk)],
  ];
  if (past.some((uris) => goesRound(uris, trunk, rules))) return 'loop';
  const counted = diversions.reduce((sum, entry) => sum + Math.max(1, entry.counter), 0);
  const mapped = history.filter((entry) => entry.mapping === 'mp').length;
  return Math.max(counted, mapped) > rules.maxDiversions ? 'too-many-diversions' : undefined;
}

/**
 * The targets by which the call has come to its present one, the last of the history, in order. Others were tried and
 * left (RFC 7044 section 5: `1.1` when it goes on at `1.2`): who is tried twice has not been forwarded twice.
 */
function lineage(history: readonly HistoryInfoEntry[]): HistoryInfoEntry[] {
  const byIndex = new Map(history.map((entry) => [entry.index, entry]));
  if (byIndex.has(undefined)) return [...history];
  const line: HistoryInfoEntry[] = [];
  for (let entry = history.at(-1); entry !== undefined && !line.includes(entry); ) {
    line.unshift(entry);
    const parent = entry.index?.includes('.') ? entry.index.replace(/\.[^.]*$/, '') : '';
    entry = byIndex.get(entry.mappedFrom ?? parent);
  }
  return line;
}

/**
 * Whether a number comes again after another one. The same number twice in a row is one diversion that two switches have
 * written down. All C numbers count as one: it is us.
 */
function goesRound(uris: readonly string[], trunk: TrunkNumbers, rules: LoopRules): boolean {
  // One diversion, and the C number: there is nothing to come back to.
  if (uris.length < 3) return false;
  const seen = new Set<string>();
  let last: string | undefined;
  for (const uri of uris) {
    const number = numberOfUri(uri, trunk.country, trunk.numberFormat);
    if (number === undefined) continue;
    const party = rules.isCNumber(number) ? trunk.cNumber : number;
    if (party === last) continue;
    if (seen.has(party)) return true;
    seen.add(party);
    last = party;
  }
  return false;
}

const trunkUri = (trunk: TrunkNumbers): string => `tel:${trunk.cNumber}`;
