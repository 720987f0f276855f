import type { Carrier } from '../carrier/index.ts';
import type { Logger } from '../log.ts';
import type {
  Beginning,
  MechanismRequest,
  ProofDesk,
  SourceEvent,
  ValidationMechanism,
} from './mechanism.ts';

/** A call that has come over a trunk, as far as it may prove something. */
export interface IncomingProofCall {
  /** Whose trunk it was. */
  carrierId: string;
  /** What was dialled, E.164; a switch may say it in two places. */
  dialled: readonly string[];
  /** E.164; undefined when withheld. */
  calling: string | undefined;
  /** Whether the trunk vouches for `calling` (RFC 3325). */
  asserted: boolean;
  /** Whether somebody's forwarding brings it: then who calls has not dialled us. */
  diverted: boolean;
  /** The same for each copy of the call. */
  callId: string;
  /** Unix milliseconds. */
  at: number;
}

/** Takes calls of people to the numbers that are for missed calls. */
export interface MissedCallOptions {
  /** Which carriers have such a number; asked for each call, as the catalogue changes. */
  carriers: { byId(id: string): Carrier | undefined; all(): readonly Carrier[] };
  log: Logger;
}

/**
 * The person calls a number of ours and is refused at once, so that nobody pays (R-VAL-MISSED). Proved is what the trunk of
 * the number's own carrier vouches for, if the call was dialled: one that was forwarded to us shows the number of somebody
 * who has called somebody else.
 */
export class MissedCall implements ValidationMechanism {
  readonly name = 'missed-call';
  readonly channel = 'incoming';
  readonly challenge = 'place-call';
  readonly #options: MissedCallOptions;
  #known: { carriers: readonly Carrier[]; numbers: ReadonlySet<string> } | undefined;
  #desk: ProofDesk | undefined;

  constructor(options: MissedCallOptions) {
    this.#options = options;
  }

  attach(desk: ProofDesk): void {
    this.#desk = desk;
  }

  available(carrier: Carrier): boolean {
    return numberFor(carrier) !== undefined;
  }

  begin({ carrier }: MechanismRequest): Beginning {
    const to = numberFor(carrier);
    if (to === undefined) throw new Error('offered without a number to call');
    return { challenge: { kind: 'place-call', to }, to };
  }

  /** @returns whether the call is for us; then it is to be refused, whatever it proves */
  arrived(call: IncomingProofCall): boolean {
    const { log } = this.#options;
    const numbers = this.#numbers();
    const to = call.dialled.find((number) => numbers.has(number));
    if (to === undefined) return false;
    const { carrierId, calling, callId, at } = call;
    const why = call.diverted ? 'diverted' : calling === undefined ? 'withheld' : 'not vouched for';
    if (call.diverted || calling === undefined || !call.asserted) {
      log.info({ carrierId, why }, 'a missed call proves nothing');
      return true;
    }
    const event: SourceEvent = {
      mechanism: this.name,
      eventId: `${carrierId} ${callId}`,
      number: calling,
      carrierId,
      to,
      at,
    };
    this.#desk
      ?.proveBySource(event)
      .catch((error: unknown) => log.error({ err: error }, 'a missed call could not be noted'));
    return true;
  }

  /** Every call of a trunk asks, and the catalogue seldom changes: then `all` is another list. */
  #numbers(): ReadonlySet<string> {
    const carriers = this.#options.carriers.all();
    if (this.#known?.carriers !== carriers) {
      const numbers = new Set(carriers.flatMap((carrier) => numberFor(carrier) ?? []));
      this.#known = { carriers, numbers };
    }
    return this.#known.numbers;
  }
}

/** Only where its calls come over a trunk of its own does the carrier vouch for who calls. */
function numberFor({ validationNumbers, trunks }: Carrier): string | undefined {
  return trunks.length > 0 ? validationNumbers?.missedCall : undefined;
}
