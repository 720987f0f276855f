import {
  type HistoryInfoEntry,
  parseDiversion,
  parseHistoryInfo,
  type Reason,
  type SipRequest,
} from '@ringthrough/sip';
import { type NumberFormat, numberOfUri } from './numbers.ts';

/** Why the carrier forwarded the call; `direct` when the number itself was dialled on the trunk. */
export type ForwardReason = 'unreachable' | 'busy' | 'no-reply' | 'unconditional' | 'unknown' | 'direct';

/** What of the trunk matters for reading its calls. */
export interface TrunkNumbers {
  /** E.164. */
  cNumber: string;
  /** ISO 3166, to read national numbers. */
  country: string;
  /** False: what it asserts about callers is not believed (RFC 3325 section 5). */
  trustIdentity?: boolean | undefined;
  /** How it writes numbers; `e164` when absent. National ones are understood all the same. */
  numberFormat?: NumberFormat | undefined;
  /** Where it says who calls; P-Asserted-Identity when absent. */
  identity?: 'p-asserted-identity' | 'remote-party-id' | undefined;
}

/** One number that the call may have been made to. */
export interface CalledCandidate {
  /** E.164. */
  number: string;
  reason: ForwardReason;
}

/**
 * The numbers that have diverted this call, last diversion first, without the C number and without repetition.
 * A carrier that sends both headers means the same by them; where they differ, Diversion is heard first, because
 * History-Info is often a translation of it (RFC 7544).
 */
export function divertedNumbers(request: SipRequest, trunk: TrunkNumbers): CalledCandidate[] {
  const found = new Map<string, ForwardReason>();
  for (const { number, reason } of [...fromDiversion(request, trunk), ...fromHistoryInfo(request, trunk)]) {
    if (number === trunk.cNumber) continue;
    const known = found.get(number);
    if (known === undefined || known === 'unknown') found.set(number, reason);
  }
  return [...found].map(([number, reason]) => ({ number, reason }));
}

/** RFC 5806: the topmost entry is the most recent diversion. */
const diversionReasons: Readonly<Record<string, ForwardReason>> = {
  'user-busy': 'busy',
  'no-answer': 'no-reply',
  unavailable: 'unreachable',
  'out-of-service': 'unreachable',
  away: 'unreachable',
  unconditional: 'unconditional',
  'time-of-day': 'unconditional',
  'do-not-disturb': 'unconditional',
  deflection: 'unconditional',
  'follow-me': 'unconditional',
};

function fromDiversion(request: SipRequest, trunk: TrunkNumbers): CalledCandidate[] {
  return parseDiversion(request.headers).flatMap((entry) => {
    const number = numberOfUri(entry.uri, trunk.country, trunk.numberFormat);
    return number === undefined ? [] : { number, reason: diversionReasons[entry.reason ?? ''] ?? 'unknown' };
  });
}

/** RFC 7044 section 10: the entry that the last `mp` points at is the last diverting user; without tags, who was left. */
function fromHistoryInfo(request: SipRequest, trunk: TrunkNumbers): CalledCandidate[] {
  const newestFirst = parseHistoryInfo(request.headers).reverse();
  const candidates: CalledCandidate[] = [];
  const add = (left: HistoryInfoEntry | undefined, next: HistoryInfoEntry | undefined) => {
    const number = numberOfUri(left?.uri, trunk.country, trunk.numberFormat);
    if (number === undefined) return;
    // RFC 4458: why the call was sent to the next target. RFC 3326: why this one was left.
    const reason = sipCauses[next?.cause ?? 0] ?? reasonOf(left?.reasons ?? []) ?? 'unknown';
    candidates.push({ number, reason });
  };
  const leftFor = (entry: HistoryInfoEntry) => newestFirst.find((other) => other.index === entry.mappedFrom);
  for (const mapping of ['mp', 'rc']) {
    for (const entry of newestFirst) if (entry.mapping === mapping) add(leftFor(entry), entry);
  }
  for (const entry of newestFirst) if (entry.reasons.length > 0) add(entry, undefined);
  // An untagged history (RFC 4244): everything before the current target was left.
  for (const [at, entry] of newestFirst.entries()) if (at > 0) add(entry, newestFirst[at - 1]);
  return candidates;
}

const sipCauses: Readonly<Record<number, ForwardReason>> = {
  302: 'unconditional',
  404: 'unreachable',
  408: 'no-reply',
  480: 'unreachable',
  486: 'busy',
  487: 'no-reply',
  503: 'unreachable',
  600: 'busy',
};

const q850Causes: Readonly<Record<number, ForwardReason>> = {
  17: 'busy',
  18: 'no-reply',
  19: 'no-reply',
  20: 'unreachable',
  27: 'unreachable',
};

function reasonOf(reasons: readonly Reason[]): ForwardReason | undefined {
  for (const { protocol, cause } of reasons) {
    const causes = protocol.toUpperCase() === 'SIP' ? sipCauses : q850Causes;
    const reason = causes[cause ?? 0];
    if (reason !== undefined) return reason;
  }
  return undefined;
}
