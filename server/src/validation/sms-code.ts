import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import type { Carrier, SmsGateway } from '../carrier/index.ts';
import type { Challenge, MechanismRequest, ValidationMechanism } from './mechanism.ts';

export interface SmsCodeOptions {
  sms: SmsGateway;
  /** Keys the stored hashes: with the database alone, six digits would be guessed at once. */
  key: Buffer;
  digits: number;
  /** Host name of the client's origin, for the last line of the SMS. */
  originHost: string;
}

/** A code by SMS, typed in or read by the browser itself (R-VAL-SMS). */
export class SmsCode implements ValidationMechanism {
  readonly name = 'sms';
  readonly #options: SmsCodeOptions;

  constructor(options: SmsCodeOptions) {
    this.#options = options;
  }

  available(carrier: Carrier): boolean {
    return carrier.sms !== undefined;
  }

  challenge({ validationId, number, carrier }: MechanismRequest): Challenge {
    const { sms, digits, originHost } = this.#options;
    const code = String(randomInt(10 ** digits)).padStart(digits, '0');
    return {
      answerHash: this.#hash(validationId, code).toString('hex'),
      digits,
      deliver: (store) => sms.enqueue(store, carrier.id, number, smsText(code, originHost)),
      delivered: () => sms.wake(),
    };
  }

  matches(answer: string, validationId: string, answerHash: string): boolean {
    const expected = Buffer.from(answerHash, 'hex');
    return timingSafeEqual(this.#hash(validationId, answer), expected);
  }

  #hash(validationId: string, code: string): Buffer {
    return createHmac('sha256', this.#options.key).update(`${validationId}:${code}`).digest();
  }
}

/** The last line binds the code to our origin: WebOTP hands it to no other page (origin-bound one-time codes). */
function smsText(code: string, originHost: string): string {
  return `Your Ringthrough code is ${code}. Give it to nobody.\n\n@${originHost} #${code}`;
}
