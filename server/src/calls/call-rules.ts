import { type CallLegs, isAlive } from './call-legs.ts';
import type { CallInput, EndCause, HandOverReason, RingTarget } from './call-types.ts';

/** 600, 603, 607 and 608 speak for the person, every other refusal for the one device (RFC 3261 21.6, RFC 8197, 8688). */
const declinesForAll = new Set([600, 603, 607, 608]);

/** Whose refusal it is, of a final response of 300 or more. */
export type RefusalScope = 'person' | 'device' | 'leg';

/**
 * `person`: nobody rings any more. `device`: it is not rung again in this call. `leg`: what failed may be tried anew when
 * the device registers again. A redirection is the device's: to follow a Contact that a device gives would let it make
 * calls to wherever it says. 606 is the leg's: it is about the session that was offered.
 */
export function refusalScope(status: number): RefusalScope {
  if (declinesForAll.has(status)) return 'person';
  return status < 400 || status === 480 || status === 486 ? 'device' : 'leg';
}

/** Why a call goes to the alerting server when the person has refused it. */
export function personRefused(status: number): HandOverReason {
  return status === 600 ? 'busy' : 'declined';
}

/**
 * Nobody is left to answer: why the call goes to the alerting server, or `wait` when the last ones were lost to their
 * network and may come back. Silenced on every device, or busy there, is not declined.
 */
export function whenNobodyIsLeft(legs: CallLegs): HandOverReason | 'wait' {
  const { verdicts } = legs;
  if (verdicts.includes('lost')) return 'wait';
  return verdicts.includes('refused') ? 'busy' : 'failed';
}

/** Whether a device that has registered is to ring: it has not refused, and does not ring already. */
export function mayJoin(legs: CallLegs, device: RingTarget): boolean {
  return legs
    .ofDevice(device.deviceId)
    .every((leg) => leg.verdict !== 'refused' && !(isAlive(leg) && isSameTelephone(leg.device, device)));
}

/** Of several flows to one UA one rings (RFC 5626 section 5.3), whatever their contacts. */
function isSameTelephone(one: RingTarget, other: RingTarget): boolean {
  if (one.contactUri === other.contactUri) return true;
  return one.instance !== undefined && one.instance === other.instance;
}

/** Why the caller is gone: by itself, or because its network has given the call to somebody else. */
export function goneCause(input: CallInput & { type: EndCause }): EndCause {
  return input.type === 'caller-cancelled' && input.byCarrier === true ? 'answered-by-carrier' : input.type;
}
