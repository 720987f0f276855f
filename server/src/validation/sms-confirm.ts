import type { Carrier, SmsGateway } from '../carrier/index.ts';
import type { Beginning, MechanismRequest, ValidationMechanism } from './mechanism.ts';
import { randomToken } from './secrets.ts';
import { sendsSms } from './sms-means.ts';
import { confirmationText } from './sms-texts.ts';

export interface SmsConfirmOptions {
  sms: SmsGateway;
  /** Where the client is, such as https://ring.example.org. */
  origin: string;
}

/**
 * An SMS whose receipt the client confirms by itself (R-VAL-CONFIRM): the browser hands it the token (WebOTP), or the
 * person taps the link. Nothing is typed, so the token is as long as a secret has to be, and shows that the SIM is in the
 * device that asks.
 */
export class SmsConfirm implements ValidationMechanism {
  readonly name = 'sms-confirm';
  readonly channel = 'sms';
  readonly challenge = 'confirm-sms';
  readonly #options: SmsConfirmOptions;

  constructor(options: SmsConfirmOptions) {
    this.#options = options;
  }

  available(carrier: Carrier): boolean {
    return sendsSms(carrier);
  }

  begin({ validationId, number, carrier, language, lifetimeMs }: MechanismRequest): Beginning {
    const { sms, origin } = this.#options;
    const token = randomToken();
    const text = confirmationText(language, { id: validationId, token, origin });
    return {
      challenge: { kind: 'confirm-sms' },
      answer: token,
      deliver: (store) => sms.enqueue(store, carrier.id, number, text, { validForMs: lifetimeMs }),
      begun: () => sms.wake(),
    };
  }
}
