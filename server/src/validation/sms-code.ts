import type { Carrier, SmsGateway } from '../carrier/index.ts';
import type { Beginning, MechanismRequest, ValidationMechanism } from './mechanism.ts';
import { randomDigits } from './secrets.ts';
import { sendsSms } from './sms-means.ts';
import { codeText } from './sms-texts.ts';

export interface SmsCodeOptions {
  sms: SmsGateway;
  digits: number;
  /** Where the client is, such as https://ring.example.org. */
  origin: string;
}

/** A code by SMS, typed in or read by the browser itself (R-VAL-SMS). */
export class SmsCode implements ValidationMechanism {
  readonly name = 'sms-code';
  readonly channel = 'sms';
  readonly challenge = 'enter-code';
  readonly #options: SmsCodeOptions;

  constructor(options: SmsCodeOptions) {
    this.#options = options;
  }

  available(carrier: Carrier): boolean {
    return sendsSms(carrier);
  }

  begin({ number, carrier, language, lifetimeMs }: MechanismRequest): Beginning {
    const { sms, digits, origin } = this.#options;
    const answer = randomDigits(digits);
    const text = codeText(language, answer, origin);
    return {
      challenge: { kind: 'enter-code', digits, by: 'sms' },
      answer,
      deliver: (store) => sms.enqueue(store, carrier.id, number, text, { validForMs: lifetimeMs }),
      begun: () => sms.wake(),
    };
  }
}
