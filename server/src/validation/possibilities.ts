import { type Carrier, costsExtra } from '../carrier/index.ts';
import { mechanismNames } from '../config.ts';
import { Problem } from '../problem.ts';
import { destinationOf } from './destination.ts';
import type { ValidationMechanism } from './mechanism.ts';
import { maySendTo, type SendLimits } from './send-limits.ts';

/** Whose number it is, as far as we know. */
export interface NumberOwner {
  carrier?: Carrier | undefined;
  /** `portability` and `range` are knowledge; `person` and `none` are not. */
  by: 'portability' | 'range' | 'person' | 'none';
  /** Whom the person may choose from. */
  candidates: readonly Carrier[];
}

export interface Carriers {
  resolve(number: string): Promise<NumberOwner>;
}

/** How a number can be proved. */
export interface Possibilities {
  number: string;
  carrier: Carrier | undefined;
  carriers: readonly Carrier[];
  /** Best first. */
  mechanisms: readonly ValidationMechanism[];
}

/**
 * What the carrier of a number has the means for, in its order. Knows nothing of accounts.
 * @param carrierId what the person says; believed only for candidates
 */
export async function possibilitiesFor(
  options: { carriers: Carriers; mechanisms: readonly ValidationMechanism[]; sendLimits: SendLimits },
  { number, carrierId }: { number: string; carrierId: string | undefined },
): Promise<Possibilities> {
  const owner = await options.carriers.resolve(number);
  const carriers = owner.candidates;
  const chosen = carrierId === undefined ? owner.carrier : choose(owner, carrierId);
  if (!chosen) return { number, carrier: undefined, carriers, mechanisms: [] };
  const known = chosen === owner.carrier && (owner.by === 'portability' || owner.by === 'range');
  const order: readonly string[] = chosen.validation ?? mechanismNames;
  const maySend = maySendTo(options.sendLimits, destinationOf(number)) && !costsExtra(number);
  const mechanisms = options.mechanisms
    .filter((one) => order.includes(one.name) && one.available(chosen))
    // Whoever could name the carrier could name one that vouches for anything.
    .filter((one) => (one.channel === 'incoming' ? known : maySend))
    .sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
  return { number, carrier: chosen, carriers, mechanisms };
}

function choose({ carrier, candidates }: NumberOwner, carrierId: string): Carrier {
  const chosen = [...(carrier ? [carrier] : []), ...candidates].find(({ id }) => id === carrierId);
  if (!chosen) throw new Problem('no-carrier', 'Choose one of the carriers that the number can be of.');
  return chosen;
}
