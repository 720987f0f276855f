import { parseCSeq, type SipRequest, type SipResponse } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { AcceptedInvite } from './accepted-invite.ts';
import { descriptionOf } from './body.ts';
import { contactOn, type UaContext } from './context.ts';
import type { SessionEmitter } from './emitter.ts';
import { buildResponse } from './incoming.ts';
import { tooBrief } from './session-refresher.ts';
import type { MessageOptions } from './types.ts';

export interface PeerOffersOptions {
  emitter: SessionEmitter;
  isConfirmed(): boolean;
  /** Whether a re-INVITE of ours waits for its answer. */
  isOffering(): boolean;
  /** The headers of RFC 4028 for a 2xx, whose time runs from now on. */
  refreshed(request: SipRequest): Array<[string, string]>;
  /** What we have told the peer of our side. */
  described(sdp: string): void;
  /** An INVITE of the peer is out of the way. */
  settled(): void;
  /** The 2xx to a re-INVITE was never acknowledged, RFC 3261 section 14.2. */
  unacknowledged(): void;
  /** The ACK of a re-INVITE that asked us for an offer: the answer is in it, section 14.2. */
  answered(ack: SipRequest): void;
}

/** The INVITEs and UPDATEs of the peer in one dialog: one offer at a time, each 2xx until its ACK. */
export class PeerOffers {
  readonly #context: UaContext;
  readonly #options: PeerOffersOptions;
  /** An offer that the owner has not answered. */
  #pending: ServerTransaction | undefined;
  /** A 2xx that waits for its ACK. */
  #accepted: AcceptedInvite | undefined;
  /** The offer was ours, in that 2xx. */
  #answerDue = false;

  constructor(context: UaContext, options: PeerOffersOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether an INVITE of ours would cross one of the peer's, section 14.1. */
  get busy(): boolean {
    return this.#pending !== undefined || this.#accepted !== undefined;
  }

  receiveInvite(request: SipRequest, transaction: ServerTransaction): void {
    this.#respond(transaction, 100);
    if (this.#refuseInterval(transaction)) return;
    this.#receive(request, transaction, (response) => {
      this.accepted(transaction, response, () => this.#options.unacknowledged());
      this.#answerDue = request.body.length === 0;
    });
  }

  receiveUpdate(request: SipRequest, transaction: ServerTransaction): void {
    if (this.#refuseInterval(transaction)) return;
    if (request.body.length > 0) {
      this.#receive(request, transaction, () => {});
      return;
    }
    // RFC 4028: a session timer's refresh. Browser stacks send them unasked; it changes nothing.
    this.#respond(transaction, 200, { headers: this.#okHeaders(transaction) });
  }

  /** Repeats a 2xx that was just sent until its ACK comes. */
  accepted(transaction: ServerTransaction, response: SipResponse, unacknowledged: () => void): void {
    this.#accepted = new AcceptedInvite({
      context: this.#context,
      transaction,
      response,
      sequence: sequenceOf(transaction.request),
      unacknowledged: () => {
        this.#accepted = undefined;
        unacknowledged();
      },
    });
  }

  /** Takes an ACK; false if no 2xx waits for it. */
  receiveAck(ack: SipRequest): boolean {
    if (!this.#accepted || this.#accepted.sequence !== sequenceOf(ack)) return false;
    this.#accepted.stop();
    this.#accepted = undefined;
    if (this.#answerDue) this.#options.answered(ack);
    this.#answerDue = false;
    return true;
  }

  /** The dialog is over: section 15.1.2 wants pending requests answered. */
  close(): void {
    this.#accepted?.stop();
    this.#accepted = undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending && !pending.answered) this.#respond(pending, 487);
  }

  #receive(
    request: SipRequest,
    transaction: ServerTransaction,
    accepted: (response: SipResponse) => void,
  ): void {
    if (this.#refuse(transaction)) return;
    const { sdp, unsupported } = descriptionOf(request);
    if (unsupported) {
      this.#respond(transaction, 415, { headers: [['Accept', 'application/sdp']] });
      return;
    }
    this.#pending = transaction;
    const answer = (how: () => void) => {
      if (transaction.answered) return;
      how();
      if (this.#pending === transaction) this.#pending = undefined;
      this.#options.settled();
    };
    const accept = (body: string) =>
      answer(() => {
        const headers = this.#okHeaders(transaction);
        this.#options.described(body);
        accepted(this.#respond(transaction, 200, { headers, body }));
      });
    const reject = (status: number) => answer(() => this.#respond(transaction, status));
    const event = { request, offer: sdp, accept, reject };
    this.#context.notifier.push(() => {
      if (!this.#options.emitter.emit('reinvite', event)) reject(488);
    });
  }

  #okHeaders(transaction: ServerTransaction): Array<[string, string]> {
    const { request, flow } = transaction;
    return [['Contact', contactOn(this.#context, flow, request)], ...this.#options.refreshed(request)];
  }

  /** RFC 4028 section 9. */
  #refuseInterval(transaction: ServerTransaction): boolean {
    const minSeconds = tooBrief(this.#context, transaction.request);
    if (minSeconds === undefined) return false;
    this.#respond(transaction, 422, { headers: [['Min-SE', String(minSeconds)]] });
    return true;
  }

  /** Section 14.2 and RFC 3311 section 5.2: one offer at a time. */
  #refuse(transaction: ServerTransaction): boolean {
    if (this.#options.isOffering()) {
      this.#respond(transaction, 491);
      return true;
    }
    if (!this.busy && this.#options.isConfirmed()) return false;
    const seconds = Math.floor(Math.random() * 11);
    this.#respond(transaction, 500, { headers: [['Retry-After', String(seconds)]] });
    return true;
  }

  #respond(transaction: ServerTransaction, status: number, options?: MessageOptions): SipResponse {
    const to = { request: transaction.request, tag: undefined };
    const response = buildResponse(this.#context, to, status, options);
    transaction.respond(response);
    return response;
  }
}

const sequenceOf = (request: SipRequest): number =>
  parseCSeq(request.headers.get('CSeq') ?? '')?.sequence ?? 0;
