import { Dialog } from '../dialog/dialog.ts';
import { SipMisuseError } from '../errors.ts';
import { parseCSeq, type SipRequest, type SipResponse } from '../message/index.ts';
import { cancelFor } from '../transaction/ack.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { descriptionOf } from './body.ts';
import { ClientRequest, completeRequest } from './client-request.ts';
import { contactOn, type UaContext } from './context.ts';
import { DialogSession } from './dialog-session.ts';
import { capabilities } from './incoming.ts';
import { elsewhere, LateAnswers, maxForks, type SentAck } from './late-answers.ts';
import { reliableSequence } from './reliable-provisionals.ts';
import type { InviteOptions, UacSession } from './types.ts';

/** An INVITE of ours, RFC 3261 section 13.2. */
export class UacInviteSession extends DialogSession implements UacSession {
  readonly callId: string;
  protected readonly ownsCallId = true;
  readonly #client: ClientRequest;
  readonly #hasOffer: boolean;
  #state: UacSession['state'] = 'calling';
  /** Early dialogs by their To tag: one INVITE may have several. */
  readonly #early = new Map<string, Dialog>();
  /** The ACK of each 2xx, by its To tag. */
  readonly #acks = new Map<string, SentAck>();
  /** RSeq of the last reliable provisional response of each callee, by its To tag. */
  readonly #reliable = new Map<string, number>();
  /** SDP of reliable provisional responses, by To tag: the answer, whatever comes later (RFC 3261 section 13.2.1). */
  readonly #answers = new Map<string, string>();
  #answer: string | undefined;
  #provisional = false;
  #cancel: 'no' | 'wanted' | 'sent' = 'no';
  #cancelHeaders: Array<[string, string]> = [];
  #cancelLimit: Timer | undefined;
  /** The CSeq number of the INVITE that was accepted, until the owner gives the answer for its ACK. */
  #ackDue: number | undefined;

  constructor(context: UaContext, options: InviteOptions) {
    super(context, { pinned: undefined, last: undefined });
    const { request, target } = options;
    completeRequest(request, context.userAgent);
    if (request.body.length > 0 && !request.headers.has('Content-Type'))
      request.headers.add('Content-Type', 'application/sdp');
    // Without an offer of ours the PRACK would have to carry an answer (RFC 3262 section 5).
    const offers = request.body.length > 0;
    const supported = context.supported.filter((tag) => offers || tag !== '100rel');
    const known = { supported, events: context.events };
    for (const [name, value] of capabilities(known))
      if (!request.headers.has(name)) request.headers.add(name, value);
    for (const [name, value] of this.refresher.headers())
      if (!request.headers.has(name)) request.headers.add(name, value);
    this.localSdp = descriptionOf(request).sdp;
    this.credentials = options.credentials;
    this.callId = request.headers.get('Call-ID') ?? '';
    this.#hasOffer = request.body.length > 0;
    if ('flow' in target) this.way.pinned = target.flow as BaseFlow;
    if (options.confined) this.way.home = () => context.transport.flowTo(target);
    const ownContact = request.headers.has('Contact');
    this.#client = new ClientRequest({
      context,
      request,
      flow: () => context.transport.flowTo(target),
      credentials: options.credentials,
      amend: (headers, response) => this.#cancel === 'no' && this.refresher.raise(headers, response),
      wanted: () => this.#cancel === 'no',
      answerWithinMs: options.answerWithinMs,
      user: {
        sending: (sent, flow) => {
          this.way.last = flow;
          this.#provisional = false;
          if (!ownContact) sent.headers.set('Contact', contactOn(context, flow, sent));
        },
        provisional: (response) => this.#receiveProvisional(response),
        final: (response) => this.#receiveFinal(response),
        again: (response) => this.#receiveAgain(response),
      },
    });
  }

  /** @throws SipMessageError if the request cannot be put on the wire. */
  start(): void {
    try {
      this.#client.start();
    } catch (error) {
      this.clean();
      throw error;
    }
  }

  get request(): SipRequest {
    return this.#client.request;
  }

  get state(): UacSession['state'] {
    return this.#state;
  }

  /** The INVITE itself is under way, too, in its early dialogs: RFC 3261 section 14.2. */
  protected override get isOffering(): boolean {
    return this.#state === 'early' || super.isOffering;
  }

  get answer(): string | undefined {
    return this.#answer;
  }

  get flow(): BaseFlow | undefined {
    return this.way.last;
  }

  cancel(options?: { headers?: Array<[string, string]> }): void {
    if (this.#cancel !== 'no' || (this.#state !== 'calling' && this.#state !== 'early')) return;
    this.#cancel = 'wanted';
    this.#cancelHeaders = options?.headers ?? [];
    // Section 9.1: no CANCEL before a provisional response.
    if (this.#provisional) this.#sendCancel();
  }

  ack(sdp: string): void {
    if (this.#ackDue === undefined || !this.dialog) return;
    this.#acks.set(this.dialog.remoteTag, this.sendAck(this.dialog, this.#ackDue, sdp));
    this.#ackDue = undefined;
    this.localSdp = sdp;
  }

  bye(options?: { headers?: Array<[string, string]> }): void {
    if (this.#state === 'terminated') return;
    if (!this.dialog) throw new SipMisuseError('no-dialog');
    this.#acknowledgeEmpty();
    this.sendBye(this.dialog, options?.headers);
    this.end({ by: 'us' });
  }

  abort(): void {
    if (this.#state === 'terminated') return;
    if (this.dialog) {
      this.bye();
      return;
    }
    this.cancel();
    this.#client.giveUp(503);
  }

  protected override receiveBye(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void {
    if (dialog !== this.dialog) {
      // A callee must not send BYE in an early dialog (section 15); that branch of the call is then over.
      this.respond(transaction, 200);
      this.#early.delete(dialog.remoteTag);
      this.removeDialog(dialog);
      return;
    }
    this.#ackDue = undefined;
    super.receiveBye(dialog, request, transaction);
  }

  protected override clean(): void {
    this.#state = 'terminated';
    if (this.#cancelLimit) this.context.timers.clear(this.#cancelLimit);
    this.#cancelLimit = undefined;
    this.#dropEarly();
    this.#rest();
    super.clean();
  }

  /** The transaction waits for late answers for half a minute, and must not hold the session for them. */
  #rest(): void {
    const invite = this.#client.transaction;
    if (!invite || this.#acks.size === 0) return;
    const late = new LateAnswers(this.context, {
      acks: this.#acks,
      flow: invite.flow,
      uri: this.request.uri,
      headers: this.#forkHeaders,
      credentials: this.credentials,
    });
    invite.rest((response) => late.receive(response), 64 * this.context.config.t1);
  }

  #receiveProvisional(response: SipResponse): void {
    if (this.#state !== 'calling' && this.#state !== 'early') return;
    this.#provisional = true;
    if (response.status > 100) this.#receiveEarly(response);
    if (this.#cancel === 'wanted') this.#sendCancel();
  }

  #receiveEarly(response: SipResponse): void {
    this.#state = 'early';
    const tag = tagOf(response.headers.get('To'));
    const sequence = this.context.reliableProvisional && reliableSequence(response);
    if (tag !== undefined && sequence !== undefined && !this.#isNext(tag, sequence)) return;
    if (tag !== undefined && !this.#early.has(tag) && this.#early.size < maxForks) {
      const dialog = Dialog.ofClient(this.request, response);
      this.#early.set(tag, dialog);
      this.addDialog(dialog);
    }
    const dialog = tag === undefined ? undefined : this.#early.get(tag);
    if (tag !== undefined && sequence !== undefined && dialog) {
      this.#reliable.set(tag, sequence);
      const { sdp } = descriptionOf(response);
      if (this.#hasOffer && sdp !== undefined && !this.#answers.has(tag)) this.#answers.set(tag, sdp);
      this.sendPrack(dialog, response, sequence);
    }
    this.emit('provisional', response);
  }

  /** RFC 3262 section 4: neither repeated nor with a gap before it; what is not taken here comes again. */
  #isNext(tag: string, sequence: number): boolean {
    const last = this.#reliable.get(tag);
    return last === undefined || sequence === last + 1;
  }

  #receiveFinal(response: SipResponse): void {
    if (this.over) return;
    if (response.status >= 300) {
      this.clean();
      this.emit('rejected', response);
      return;
    }
    const dialog = this.#confirm(response);
    this.dialog = dialog;
    this.#state = 'accepted';
    this.#answer = this.#answers.get(dialog.remoteTag) ?? descriptionOf(response).sdp;
    this.#early.delete(dialog.remoteTag);
    this.#dropEarly();
    if (this.#cancelLimit) this.context.timers.clear(this.#cancelLimit);
    const sequence = sequenceOf(response);
    if (this.#hasOffer) this.#acks.set(dialog.remoteTag, this.sendAck(dialog, sequence));
    else this.#ackDue = sequence;
    this.way.watch();
    this.meet(response.headers);
    this.refresher.answered(response);
    this.emit('accepted', response);
  }

  /** A 2xx after the first, section 13.2.2.4: the same again, or of another fork, which is hung up. */
  #receiveAgain(response: SipResponse): void {
    if (response.status < 200 || response.status > 299) return;
    const tag = tagOf(response.headers.get('To')) ?? '';
    const ack = this.#acks.get(tag);
    if (ack) {
      ack.again(this.context);
      return;
    }
    if (tag === this.dialog?.remoteTag && this.#ackDue !== undefined) return;
    if (this.#acks.size >= maxForks) return;
    const fork = Dialog.ofClient(this.request, response);
    fork.confirm(response);
    this.#acks.set(tag, this.sendAck(fork, sequenceOf(response)));
    this.sendBye(fork, this.#forkHeaders);
  }

  /** RFC 3326: unless the owner had given it up, another one of the callee's telephones has the call. */
  get #forkHeaders(): Array<[string, string]> {
    return this.#cancel === 'no' ? elsewhere : this.#cancelHeaders;
  }

  #confirm(response: SipResponse): Dialog {
    const tag = tagOf(response.headers.get('To')) ?? '';
    const early = this.#early.get(tag);
    const dialog = early ?? Dialog.ofClient(this.request, response);
    dialog.confirm(response);
    if (!early) this.addDialog(dialog);
    return dialog;
  }

  #sendCancel(): void {
    const invite = this.#client.transaction;
    if (!invite) return;
    this.#cancel = 'sent';
    const cancel = cancelFor(this.request);
    for (const [name, value] of this.#cancelHeaders) cancel.headers.add(name, value);
    cancel.headers.add('User-Agent', this.context.userAgent);
    const ignore = () => {};
    this.context.transactions.cancel(cancel, invite, {
      response: ignore,
      timeout: ignore,
      transportError: ignore,
    });
    // Section 9.1: a peer that never answers the INVITE after CANCEL is given up.
    this.#cancelLimit = this.context.timers.set(64 * this.context.config.t1, () => {
      this.#cancelLimit = undefined;
      this.#client.giveUp(487);
    });
  }

  /** A 2xx to an INVITE without an offer is acknowledged even when the owner hangs up instead of answering it. */
  #acknowledgeEmpty(): void {
    if (this.#ackDue === undefined || !this.dialog) return;
    this.#acks.set(this.dialog.remoteTag, this.sendAck(this.dialog, this.#ackDue));
    this.#ackDue = undefined;
  }

  #dropEarly(): void {
    for (const dialog of this.#early.values()) this.removeDialog(dialog);
    this.#early.clear();
  }
}

function sequenceOf(response: SipResponse): number {
  return parseCSeq(response.headers.get('CSeq') ?? '')?.sequence ?? 0;
}
