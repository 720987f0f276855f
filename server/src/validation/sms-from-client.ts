import type { Carrier } from '../carrier/index.ts';
import type {
  Beginning,
  MechanismRequest,
  ProofDesk,
  SourceEvent,
  ValidationMechanism,
} from './mechanism.ts';
import { randomWord } from './secrets.ts';
import { takesSms } from './sms-means.ts';

/** An SMS that somebody sent to us. */
interface IncomingSms {
  id: string;
  /** Whose SMS centre it came from. */
  carrierId: string;
  from: string;
  to: string;
  text: string;
  receivedAt: number;
}

export interface SmsFromClientOptions {
  inbox: { subscribe(listener: (sms: IncomingSms) => Promise<void>): () => void };
}

/**
 * The person sends an SMS with a given text to a number of ours (R-VAL-MO-SMS). The number that it comes from is the proof,
 * and the carrier's SMS centre vouches for that; the text tells whose proof it is.
 */
export class SmsFromClient implements ValidationMechanism {
  readonly name = 'sms-from-client';
  readonly channel = 'incoming';
  readonly challenge = 'send-sms';
  readonly #options: SmsFromClientOptions;

  constructor(options: SmsFromClientOptions) {
    this.#options = options;
  }

  attach(desk: ProofDesk): void {
    const mechanism = this.name;
    this.#options.inbox.subscribe(async ({ id, carrierId, from, to, text, receivedAt }) => {
      const answers = wordsOf(text);
      const event: SourceEvent = {
        mechanism,
        eventId: id,
        number: from,
        carrierId,
        to,
        answers,
        at: receivedAt,
      };
      await desk.proveBySource(event);
    });
  }

  available(carrier: Carrier): boolean {
    return takesSms(carrier) && carrier.validationNumbers?.sms !== undefined;
  }

  begin({ carrier }: MechanismRequest): Beginning {
    const to = carrier.validationNumbers?.sms ?? '';
    const word = randomWord();
    return { challenge: { kind: 'send-sms', to, text: `Ringthrough ${word}` }, answer: word, to };
  }
}

/** What can be the word, however the person or the telephone has written the rest. */
const wordsOf = (text: string): string[] =>
  (text.toUpperCase().match(/[A-Z0-9]+/g) ?? []).filter((word) => word.length === 8).slice(0, 8);
