import type { Cause } from './types.ts';

/** ITU-T Q.850 causes the lab uses. */
export const causes = {
  notInService: { q850: 1, text: 'Number not in service' },
  clearing: { q850: 16, text: 'Call ended' },
  busy: { q850: 17, text: 'Busy' },
  noAnswer: { q850: 19, text: 'No answer' },
  absent: { q850: 20, text: 'Not reachable' },
  rejected: { q850: 21, text: 'Call rejected' },
  tooManyDiversions: { q850: 25, text: 'Forwarded in a circle' },
  invalidNumber: { q850: 28, text: 'Invalid number' },
  radioLost: { q850: 27, text: 'Connection lost' },
  networkFailure: { q850: 38, text: 'Network failure' },
} as const satisfies Record<string, Cause>;

/** RFC 3398 section 8.2.6.1: SIP final status to Q.850 cause. */
const bySipStatus: ReadonlyMap<number, Cause> = new Map<number, Cause>([
  [403, causes.rejected],
  [404, causes.notInService],
  [408, { q850: 102, text: 'Network did not answer in time' }],
  [410, { q850: 22, text: 'Number changed' }],
  [480, { q850: 18, text: 'Not available' }],
  [484, causes.invalidNumber],
  [486, causes.busy],
  [488, { q850: 127, text: 'No common audio codec' }],
  [500, { q850: 41, text: 'Temporary failure' }],
  [503, { q850: 41, text: 'Temporary failure' }],
  [600, causes.busy],
  [603, causes.rejected],
  [604, causes.notInService],
]);

/** RFC 3398 section 8.2.6.1 the other way: what a caller on the trunk is refused with. */
const statusByQ850: ReadonlyMap<number, number> = new Map([
  [1, 404],
  [17, 486],
  [18, 408],
  [21, 403],
  [22, 410],
  [25, 483],
  [27, 502],
  [28, 484],
  [31, 480],
  [38, 503],
  [41, 503],
]);

export function sipStatusOfCause({ q850 }: Cause): number {
  return statusByQ850.get(q850) ?? 480;
}

/**
 * The cause of a call the far end refused with a SIP status. A Q.850 value the far end gave in Reason (RFC 3326)
 * wins over the mapping.
 */
export function causeOfSipStatus(status: number, reasonQ850?: number): Cause {
  const mapped = bySipStatus.get(status) ?? { q850: 31, text: `Refused (${status})` };
  return reasonQ850 === undefined ? mapped : { ...mapped, q850: reasonQ850 };
}
