import type { Diverted, DivertReason, RedirectionHeaders } from '../model/types.ts';

/** RFC 4458 section 2 / RFC 7044 section 10.2: the SIP status that stands for the reason of a forwarding. */
const historyCauses: Readonly<Record<DivertReason, number>> = {
  unconditional: 302,
  'user-busy': 486,
  'no-answer': 408,
  unavailable: 503,
};

export interface RedirectionInput {
  /** Oldest first. */
  diverted: readonly Diverted[];
  /** Host part of the SIP URIs, the switch's own name. */
  host: string;
  headers: RedirectionHeaders;
}

/** The headers that tell the far end which number was called first, and why the call comes to it. */
export function redirectionHeaders(input: RedirectionInput): Array<[string, string]> {
  if (input.diverted.length === 0) return [];
  const result: Array<[string, string]> = [];
  if (input.headers === 'diversion' || input.headers === 'both') result.push(...diversion(input));
  if (input.headers === 'history-info' || input.headers === 'both') result.push(...historyInfo(input));
  return result;
}

/** RFC 5806 section 5.1: one entry for each forwarding, the latest on top. */
function diversion({ diverted, host }: RedirectionInput): Array<[string, string]> {
  return diverted.toReversed().map((one) => {
    const uri = `<sip:${one.number}@${host};user=phone>`;
    return ['Diversion', `${uri};reason=${one.reason};counter=1;privacy=off`];
  });
}

/**
 * RFC 7044 section 5: the whole way of the request, oldest first; the entry a number was retargeted to carries `mp`
 * with the index it came from, and the cause of RFC 4458 in its URI.
 */
function historyInfo({ diverted, host }: RedirectionInput): Array<[string, string]> {
  const [first] = diverted;
  if (first === undefined) return [];
  const entries: Array<[string, string]> = [
    ['History-Info', `<sip:${first.number}@${host};user=phone>;index=1`],
  ];
  let index = '1';
  for (const one of diverted) {
    const previous = index;
    index = `${index}.1`;
    const cause = historyCauses[one.reason];
    const uri = `<sip:${one.to}@${host};user=phone;cause=${cause}>`;
    entries.push(['History-Info', `${uri};index=${index};mp=${previous}`]);
  }
  return entries;
}
