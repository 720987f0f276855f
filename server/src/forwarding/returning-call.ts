/** A call that has come over a trunk, as far as it may be a test call of ours that comes home. */
export interface ReturningCall {
  /** Whose trunk it was. */
  carrierId: string;
  /** What the switch asks for, E.164. */
  dialled: readonly string[];
  /** E.164; undefined when withheld. */
  calling: string | undefined;
  /** For whom it is, E.164: who has forwarded it, last first. */
  called: readonly string[];
  /** Its User-to-User header (RFC 7433). */
  userToUser: string | undefined;
  /** Aborted when the switch takes it back. */
  gone: AbortSignal;
}

/** A test call that is under way, or was a moment ago. */
export interface OpenCheck {
  readonly number: string;
  readonly carrierId: string;
  readonly cNumber: string;
  readonly token: string;
  /** Whether what it sees still matters. */
  readonly running: boolean;
}

/**
 * What a call is. `home`: the test call, for its number. `astray`: the test call, but for another number or at another C
 * number. `perhaps`: it is for the number that is being checked, and somebody else is said to call: the carrier has changed
 * the caller, or it is a person.
 */
export type Recognised<C extends OpenCheck> =
  | { as: 'home' | 'astray' | 'perhaps'; check: C }
  | { as: 'stranger' };

/** Two hexadecimal digits of protocol, then the token: user-specific data by ITU-T Q.931 section 4.5.30. */
export const userToUserOf = (token: string): string => `00${token};encoding=hex`;

function tokenOf(userToUser: string | undefined): string | undefined {
  return /^00([0-9a-f]{32})\b/i.exec(userToUser?.trim() ?? '')?.[1]?.toLowerCase();
}

/**
 * Knows a test call again: by its token where the networks have handed that on, which nobody else can know; otherwise by
 * who calls, whom, and that we are calling just now.
 */
export function recognise<C extends OpenCheck>(call: ReturningCall, checks: readonly C[]): Recognised<C> {
  const token = tokenOf(call.userToUser);
  const named = checks.find((check) => check.token === token);
  if (named !== undefined)
    return { as: isAtHome(call, named) && isFor(call, named) ? 'home' : 'astray', check: named };
  const near = checks.filter((check) => isAtHome(call, check));
  // Of two calls to one number the later one is the one that is waited for.
  const forNumber = near.findLast((check) => isFor(call, check));
  if (forNumber !== undefined) {
    if (call.calling === forNumber.cNumber) return { as: 'home', check: forNumber };
    return forNumber.running ? { as: 'perhaps', check: forNumber } : { as: 'stranger' };
  }
  const ours = near.filter((check) => check.running && call.calling === check.cNumber);
  const [only] = ours;
  // With several under way nobody knows whose it is; it is refused as any call of ours that goes round.
  return only !== undefined && ours.length === 1 ? { as: 'astray', check: only } : { as: 'stranger' };
}

/** Over the carrier's trunk, or at its C number over another one's. */
function isAtHome({ carrierId, dialled }: ReturningCall, check: OpenCheck): boolean {
  return carrierId === check.carrierId || dialled.includes(check.cNumber);
}

const isFor = ({ called }: ReturningCall, { number }: OpenCheck): boolean => called.includes(number);
