import {
  type Answer,
  decodeText,
  isReceipt,
  messageIdForms,
  numberField,
  type Pdu,
  readReceipt,
  readUserData,
  status,
  textField,
} from '@ringthrough/smpp';
import type { Logger } from '../../log.ts';
import type { SmsInbox } from './inbox.ts';
import type { InboxParts } from './inbox-parts.ts';
import { normaliseNumber } from './numbers.ts';
import type { SentParts } from './sent-parts.ts';

export interface SmppIncomingOptions {
  carrierId: string;
  /** ISO 3166. */
  country: string;
  inbox: SmsInbox;
  inboxParts: InboxParts;
  sentParts: SentParts;
  log: Logger;
}

/** TON of a number with its country code (SMPP 3.4 section 5.2.5). */
const international = 1;
/** TON of a name: whoever sends through a gateway chooses it, and nobody vouches for it. */
const alphanumeric = 5;

/** What an SMS centre brings: messages of people, and receipts. Everything is durable before it is acknowledged. */
export class SmppIncoming {
  readonly #options: SmppIncomingOptions;

  constructor(options: SmppIncomingOptions) {
    this.#options = options;
  }

  /** The answer to a deliver_sm or data_sm. Never rejects: what cannot be stored now is to be sent again. */
  async take(pdu: Pdu, link: string): Promise<Answer> {
    if (pdu.command !== 'deliver_sm' && pdu.command !== 'data_sm') return { status: status.invalidCommandId };
    const { carrierId, log } = this.#options;
    if (pdu.malformed || pdu.fields.destination_addr === undefined) {
      // For good: the SMS centre would send it again for ever.
      log.warn({ carrierId, command: pdu.command }, 'the SMS centre sent a message that cannot be read');
      return { status: status.permanentError };
    }
    try {
      if (isReceipt(pdu)) await this.#receipt(pdu);
      else await this.#message(pdu, link);
      return { status: status.ok, fields: { message_id: '' } };
    } catch (error) {
      log.error({ err: error, carrierId }, 'received SMS not stored: the SMS centre is to send it again');
      return { status: status.temporaryError };
    }
  }

  async #receipt(pdu: Pdu): Promise<void> {
    const { carrierId, sentParts, log } = this.#options;
    const receipt = readReceipt(pdu);
    if (!receipt) {
      log.warn({ carrierId }, 'a delivery receipt does not say which SMS it is about');
      return;
    }
    await sentParts.receipt({
      carrierId,
      providerIds: messageIdForms(receipt.messageId),
      // Receipts come from where the message went to.
      recipient: this.#number(pdu, 'source_addr', 'source_addr_ton') || undefined,
      delivery: receipt.state,
      error: receipt.error,
    });
  }

  async #message(pdu: Pdu, link: string): Promise<void> {
    const { carrierId, inbox, inboxParts } = this.#options;
    const { coding, payload, concatenation } = readUserData(pdu);
    const isName = numberField(pdu, 'source_addr_ton') === alphanumeric;
    const from = isName ? nameOf(pdu) : this.#number(pdu, 'source_addr', 'source_addr_ton');
    const to = this.#number(pdu, 'destination_addr', 'dest_addr_ton');
    if (concatenation) {
      await inboxParts.accept({ carrierId, link, from, to, ...concatenation, coding, payload });
      return;
    }
    await inbox.accept({ carrierId, link, from, to, text: decodeText(coding, payload) });
  }

  #number(pdu: Pdu, address: string, ton: string): string {
    const { country } = this.#options;
    return normaliseNumber(textField(pdu, address), country, numberField(pdu, ton) === international);
  }
}

/** Never in the form of a number: a name of digits is not the number of anybody. */
const nameOf = (pdu: Pdu): string =>
  textField(pdu, 'source_addr')
    .trim()
    .replace(/^[+\s]+/, '');
