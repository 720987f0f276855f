import { parseContacts, type SipHeaders } from '@ringthrough/sip';

/** What a UA of RFC 5626 says of the flow that it registers. */
export interface OutboundFlow {
  /** Of the UA: `+sip.instance`, with its angle brackets. */
  instance: string;
  /** Of the flow among those of the UA. */
  regId: number;
}

const maxRegId = 2 ** 31 - 1;

/** RFC 5626 section 4.2: the Contact with both; `reg-id` without an instance does not count (section 6). */
export function parseOutbound(headers: SipHeaders): OutboundFlow | undefined {
  const contacts = parseContacts(headers);
  if (contacts === undefined || contacts === '*') return undefined;
  for (const { params } of contacts) {
    const instance = params.get('+sip.instance');
    const regId = Number(/^[1-9]\d{0,9}$/.exec(params.get('reg-id') ?? '')?.[0]);
    if (instance !== undefined && regId <= maxRegId) return { instance, regId };
  }
  return undefined;
}

/** What tells the flows of a device apart, and is stored: one binding for each (section 6). */
export function flowKeyOf({ instance, regId }: OutboundFlow): string {
  return `${instance};${regId}`;
}

/** The reverse of `flowKeyOf`; undefined of no flow. */
export function parseFlowKey(key: string): OutboundFlow | undefined {
  const at = key.lastIndexOf(';');
  return at < 0 ? undefined : { instance: key.slice(0, at), regId: Number(key.slice(at + 1)) };
}

/**
 * One of each UA, for whoever rings: its other flows lead to the same telephone (section 5.3), and are for when this one
 * fails. The lowest `reg-id` goes first: it stays the same whichever flow was refreshed last.
 */
export function oneFlowEach<T extends { flowKey: string }>(
  bindings: readonly T[],
): Array<[first: T, others: T[]]> {
  // Most devices keep no flows.
  if (bindings.every(({ flowKey }) => flowKey === '')) return bindings.map((binding) => [binding, []]);
  const groups: Array<[T, T[]]> = [];
  const byInstance = new Map<string, T[]>();
  for (const binding of bindings) {
    const flow = parseFlowKey(binding.flowKey);
    const same = flow && byInstance.get(flow.instance);
    if (same !== undefined) {
      same.push(binding);
      continue;
    }
    const others: T[] = [];
    groups.push([binding, others]);
    if (flow) byInstance.set(flow.instance, others);
  }
  const regId = (binding: T) => parseFlowKey(binding.flowKey)?.regId ?? 0;
  return groups.map(([first, others]) => {
    const [lowest = first, ...rest] = [first, ...others].sort((a, b) => regId(a) - regId(b));
    return [lowest, rest];
  });
}
