import { Dialog } from '../dialog/dialog.ts';
import { SipMisuseError } from '../errors.ts';
import { parseExpires, type SipRequest, type SipResponse } from '../message/index.ts';
import { newTag } from '../transaction/ids.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { descriptionOf } from './body.ts';
import { contactOn, type UaContext } from './context.ts';
import { DialogSession } from './dialog-session.ts';
import { buildResponse, capabilities, Incoming } from './incoming.ts';
import { ReliableProvisionals, wantsReliable } from './reliable-provisionals.ts';
import type { MessageOptions, UasSession } from './types.ts';

/** An INVITE to us, RFC 3261 section 13.3. */
export class UasInviteSession extends DialogSession implements UasSession {
  readonly request: SipRequest;
  readonly callId: string;
  readonly offer: string | undefined;
  readonly transaction: ServerTransaction;
  protected readonly ownsCallId = false;
  #state: UasSession['state'] = 'early';
  readonly #early: Dialog;
  #refresh: Timer | undefined;
  #expiry: Timer | undefined;
  #unwatchCaller: (() => void) | undefined;
  #reliable: ReliableProvisionals | undefined;
  /** `accept` was called before the PRACK of a response with a body. */
  #acceptPending: Parameters<UasSession['accept']>[0] | undefined;
  /** BYE was asked for before the ACK came. */
  #byePending: { headers: Array<[string, string]> | undefined } | undefined;

  constructor(context: UaContext, transaction: ServerTransaction) {
    super(context, { pinned: undefined, last: transaction.flow });
    this.request = transaction.request;
    this.callId = this.request.headers.get('Call-ID') ?? '';
    this.offer = descriptionOf(this.request).sdp;
    this.transaction = transaction;
    this.#early = Dialog.ofServer(this.request, newTag());
    transaction.toTag = this.#early.localTag;
    transaction.user = {
      ack: (ack) => this.receiveAck(this.#early, ack, transaction.flow),
      // A final response below 200 or above 299 that nobody acknowledged changes nothing here.
      timeout: () => {},
      transportError: () => this.#transportError(),
      // Section 9.2: the stack has answered the CANCEL itself.
      cancel: (cancel) => {
        if (this.#state === 'early') this.#terminateEarly(cancel);
      },
    };
    this.addDialog(this.#early);
    this.#armExpiry();
    // A WebSocket client that is gone can neither cancel nor be answered (RFC 7118 section 5.5).
    const { flow } = transaction;
    if (flow.protocol === 'ws') this.#unwatchCaller = flow.onClose(() => this.#callerLost());
  }

  get state(): UasSession['state'] {
    return this.#state;
  }

  get flow(): BaseFlow {
    return this.way.last ?? this.transaction.flow;
  }

  progress(status: number, options?: MessageOptions): void {
    if (status <= 100 || status > 199) throw new SipMisuseError('bad-status');
    if (this.#state !== 'early') return;
    const reliable = wantsReliable(this.request, this.context.reliableProvisional);
    const withOffer = this.offer !== undefined || options?.body !== undefined;
    this.#armRefresh(status, options);
    if (reliable !== 'no' && withOffer) this.#reliably().send(this.#build(status, options));
    else if (reliable !== 'must') this.transaction.respond(this.#build(status, options));
  }

  accept(options: { sdp: string; headers?: Array<[string, string]> }): void {
    if (this.#state !== 'early') return;
    if (this.#reliable?.holdsAnswer) {
      this.#acceptPending ??= options;
      return;
    }
    this.#reliable?.stop();
    this.meet(this.request.headers);
    this.localSdp = options.sdp;
    const timer = this.refresher.accept(this.request);
    const headers = [...capabilities(this.context), ...timer, ...(options.headers ?? [])];
    const response = this.#build(200, { headers, body: options.sdp });
    this.transaction.respond(response);
    this.#clearTimers();
    this.#state = 'accepted';
    this.#early.confirm();
    this.dialog = this.#early;
    this.peerOffers.accepted(this.transaction, response, () => this.#neverConfirmed());
    this.way.watch();
  }

  reject(status: number, options?: MessageOptions): void {
    if (status < 300 || status > 699) throw new SipMisuseError('bad-status');
    if (this.#state !== 'early') return;
    this.transaction.respond(this.#build(status, options));
    this.#finish();
  }

  bye(options?: { headers?: Array<[string, string]> }): void {
    switch (this.#state) {
      case 'early':
        throw new SipMisuseError('no-dialog');
      case 'accepted':
        // Section 15: the callee's UA must not send BYE before the ACK came or the 2xx timed out.
        this.#byePending ??= { headers: options?.headers };
        return;
      case 'confirmed':
        this.sendBye(this.#early, options?.headers);
        this.end({ by: 'us' });
        return;
      case 'terminated':
        return;
    }
  }

  abort(): void {
    if (this.#state === 'terminated') return;
    if (this.#state === 'early') {
      this.reject(503);
      this.emit('cancelled', this.request);
      return;
    }
    this.sendBye(this.#early);
    this.end({ by: 'us' });
  }

  protected override acknowledged(ack: SipRequest): void {
    if (this.#state !== 'accepted') return;
    this.#state = 'confirmed';
    this.emit('confirmed', ack);
    if (this.#byePending)
      this.bye(this.#byePending.headers ? { headers: this.#byePending.headers } : undefined);
  }

  protected override receiveBye(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void {
    if (this.#state !== 'early') {
      super.receiveBye(dialog, request, transaction);
      return;
    }
    this.respond(transaction, 200);
    this.#terminateEarly(request);
  }

  protected override clean(): void {
    this.#state = 'terminated';
    this.#clearTimers();
    this.#reliable?.stop();
    this.removeDialog(this.#early);
    // The transaction lives on for half a minute, and must not hold the whole call.
    this.transaction.user = undefined;
    super.clean();
  }

  #build(status: number, options?: MessageOptions): SipResponse {
    const to = { request: this.request, tag: this.#early.localTag };
    const response = buildResponse(this.context, to, status, options);
    const { headers } = response;
    if (status > 100 && status < 300) {
      for (const route of this.request.headers.getAll('Record-Route')) headers.add('Record-Route', route);
      if (!headers.has('Contact'))
        headers.add('Contact', contactOn(this.context, this.transaction.flow, this.transaction.request));
    }
    return response;
  }

  #terminateEarly(cause: SipRequest, status = 487): void {
    this.transaction.respond(this.#build(status));
    this.#finish();
    this.emit('cancelled', cause);
  }

  #finish(): void {
    this.clean();
  }

  #transportError(): void {
    // A provisional response that a UDP socket refused is no loss: the next one may pass.
    if (this.#state === 'early' && this.transaction.flow.reliable) this.#callerLost();
    else if (this.#state === 'accepted') this.end({ by: 'transport' });
  }

  /** The caller's connection is gone and cannot be opened from here. */
  #callerLost(): void {
    if (this.#state !== 'early') return;
    this.transaction.abandon();
    this.#finish();
    this.emit('cancelled', this.request);
  }

  #neverConfirmed(): void {
    if (this.#state !== 'accepted') return;
    this.sendBye(this.#early, this.#byePending?.headers);
    this.end({ by: this.#byePending ? 'us' : 'timeout' });
  }

  /** Section 13.3.1: an INVITE may say how long it is valid. */
  #armExpiry(): void {
    const seconds = parseExpires(this.request.headers.get('Expires') ?? '');
    if (seconds === undefined || seconds === 0 || seconds > 86_400) return;
    this.#expiry = this.context.timers.set(seconds * 1_000, () => {
      this.#expiry = undefined;
      if (this.#state === 'early') this.#terminateEarly(this.request);
    });
  }

  /** Section 13.3.1.1: proxies cancel an INVITE that is silent for three minutes. */
  #armRefresh(status: number, options: MessageOptions | undefined): void {
    if (this.#refresh) this.context.timers.clear(this.#refresh);
    this.#refresh = this.context.timers.set(this.context.config.provisionalRefresh, () => {
      this.#refresh = undefined;
      if (this.#state === 'early') this.progress(status, options);
    });
  }

  // --- RFC 3262 ---

  #reliably(): ReliableProvisionals {
    this.#reliable ??= new ReliableProvisionals(this.context, {
      transaction: this.transaction,
      // Section 3: the caller does not hear us.
      unacknowledged: () => this.#terminateEarly(this.request, 504),
    });
    return this.#reliable;
  }

  protected override receivePrack(transaction: ServerTransaction): void {
    if (!this.#reliable?.acknowledge(transaction.request)) {
      super.receivePrack(transaction);
      return;
    }
    if (transaction.request.body.length === 0) this.respond(transaction, 200);
    else this.#receivePrackBody(transaction);
    const accept = this.#reliable.holdsAnswer ? undefined : this.#acceptPending;
    if (accept) this.accept(accept);
  }

  /** An offer, or the answer to ours, for the owner; section 5. */
  #receivePrackBody(transaction: ServerTransaction): void {
    const incoming = new Incoming(this.context, transaction, undefined);
    this.context.notifier.push(() => {
      if (!this.emitter.emit('request', incoming) && !incoming.answered) incoming.respond(488);
    });
  }

  #clearTimers(): void {
    if (this.#refresh) this.context.timers.clear(this.#refresh);
    if (this.#expiry) this.context.timers.clear(this.#expiry);
    this.#refresh = this.#expiry = undefined;
    this.#unwatchCaller?.();
    this.#unwatchCaller = undefined;
  }
}
