import type { Dialog } from '../dialog/dialog.ts';
import { SipMisuseError } from '../errors.ts';
import { parseCSeq, type SipHeaders, type SipRequest, SipResponse } from '../message/index.ts';
import { reasonPhrase } from '../transaction/response.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Target } from '../transport/types.ts';
import { firstFlow } from '../transport/ways.ts';
import { ClientRequest } from './client-request.ts';
import { allow, contactOn, type DialogUser, setBody, type UaContext, type Way } from './context.ts';
import { SessionEmitter } from './emitter.ts';
import { answerUntaken, buildResponse, Incoming } from './incoming.ts';
import { SentAck } from './late-answers.ts';
import { PeerOffers } from './peer-offers.ts';
import { PeerWay } from './peer-way.ts';
import { Reinviter } from './reinviter.ts';
import { SessionRefresher } from './session-refresher.ts';
import type { Credentials, MessageOptions, SessionEnd, SessionEvents, SessionListener } from './types.ts';

/** The answer to a request that cannot be sent, because the dialog is over. */
const gone = () => new SipResponse(481, reasonPhrase(481));

/** What UAS and UAC sessions share once there is a dialog: BYE, re-INVITE, other requests, and one end. */
export abstract class DialogSession implements DialogUser {
  protected readonly context: UaContext;
  protected readonly emitter = new SessionEmitter();
  protected readonly way: PeerWay;
  /** The confirmed dialog. */
  protected dialog: Dialog | undefined;
  protected credentials: Credentials | undefined;
  protected readonly peerOffers: PeerOffers;
  protected readonly refresher: SessionRefresher;
  /** The session description that this side gave last. */
  protected localSdp: string | undefined;
  /** Whether the peer has said that it takes UPDATE (RFC 3311 section 4). */
  #allowsUpdate = false;
  #over = false;
  /** Among the sessions of the stack. */
  readonly #place: string;
  #reinviter: Reinviter | undefined;
  #requests = new Set<ClientRequest>();

  protected constructor(context: UaContext, way: Way) {
    this.context = context;
    this.way = new PeerWay(context, way, {
      dialog: () => this.dialog,
      lost: () => {
        if (this.dialog) this.sendBye(this.dialog);
        this.end({ by: 'transport' });
      },
    });
    this.#place = context.sessions.add(this);
    this.refresher = new SessionRefresher(context, {
      refresh: () => this.#refresh(),
      expired: () => this.#expired(),
    });
    this.peerOffers = new PeerOffers(context, {
      emitter: this.emitter,
      refreshed: (request) => this.refresher.accept(request),
      described: (sdp) => {
        this.localSdp = sdp;
      },
      isConfirmed: () => this.dialog?.state === 'confirmed',
      isOffering: () => this.isOffering,
      settled: () => this.#reinviter?.unblocked(),
      unacknowledged: () => this.#neverAcknowledged(),
      answered: (ack) => this.emit('confirmed', ack),
    });
  }

  /** Whether an INVITE of ours waits for its final response. */
  protected get isOffering(): boolean {
    return this.#reinviter?.active === true;
  }

  /** The dialog is over, or there will never be one. */
  protected get over(): boolean {
    return this.#over;
  }

  on<E extends keyof SessionEvents>(event: E, listener: SessionListener<E>): () => void {
    return this.emitter.on(event, listener);
  }

  abstract abort(): void;

  protected emit<E extends keyof SessionEvents>(event: E, ...payload: SessionEvents[E]): void {
    this.context.notifier.push(() => this.emitter.emit(event, ...payload));
  }

  // --- Requests of ours ---

  sendRequest(method: string, options?: MessageOptions): Promise<SipResponse> {
    const dialog = this.usableDialog();
    if (!dialog) return Promise.resolve(gone());
    const request = dialog.request(method);
    this.#decorate(request, options);
    return this.#perform(request, dialog);
  }

  reinvite(sdp: string): Promise<SipResponse> {
    const dialog = this.usableDialog();
    if (!dialog) return Promise.resolve(gone());
    this.#reinviter ??= new Reinviter(this.context, {
      // RFC 3261 section 14.1: whoever made the Call-ID waits longer.
      ownsCallId: this.ownsCallId,
      isBlocked: () => this.peerOffers.busy,
      send: (offer) => this.#sendReinvite(dialog, offer),
      giveUp: gone,
    });
    return this.#reinviter.reinvite(sdp);
  }

  protected abstract readonly ownsCallId: boolean;

  /** The confirmed dialog; undefined when it is over. @throws SipMisuseError `no-dialog` before a 2xx. */
  protected usableDialog(): Dialog | undefined {
    if (this.#over) return undefined;
    if (this.dialog?.state !== 'confirmed') throw new SipMisuseError('no-dialog');
    return this.dialog;
  }

  /** Sends BYE and ends. */
  protected sendBye(dialog: Dialog, headers?: Array<[string, string]>): void {
    const bye = dialog.request('BYE');
    this.#decorate(bye, headers ? { headers } : undefined);
    this.#start(bye, dialog, () => {});
  }

  /** Acknowledges a reliable provisional response, RFC 3262 section 4. */
  protected sendPrack(dialog: Dialog, response: SipResponse, sequence: number): void {
    const prack = dialog.request('PRACK');
    this.#decorate(prack, { headers: [['RAck', `${sequence} ${response.headers.get('CSeq') ?? ''}`]] });
    // What becomes of it does not matter: a callee that misses it repeats its response, or gives the INVITE up.
    this.#start(prack, dialog, () => {});
  }

  /** Sends the ACK of a 2xx. */
  protected sendAck(dialog: Dialog, sequence: number, sdp?: string): SentAck {
    const ack = dialog.ack(sequence);
    setBody(ack, sdp === undefined ? undefined : { body: sdp });
    ack.headers.add('User-Agent', this.context.userAgent);
    const sent = new SentAck();
    try {
      const flow = firstFlow(this.way.to(dialog));
      if (flow instanceof Promise)
        flow.then((flow) => sent.send(this.context, ack, flow)).catch((error: unknown) => this.#noWay(error));
      else sent.send(this.context, ack, flow);
    } catch (error) {
      this.#noWay(error);
    }
    return sent;
  }

  #noWay(error: unknown): void {
    this.context.counters.transportErrors++;
    this.context.log.debug({ error: String(error) }, 'ACK could not be sent');
  }

  #decorate(request: SipRequest, options?: MessageOptions): void {
    request.headers.add('User-Agent', this.context.userAgent);
    for (const [name, value] of options?.headers ?? []) request.headers.add(name, value);
    setBody(request, options);
  }

  async #sendReinvite(dialog: Dialog, sdp: string): Promise<SipResponse> {
    const request = dialog.request('INVITE');
    request.headers.add('Allow', allow(this.context));
    this.#decorate(request, { body: sdp, headers: this.#timerHeaders() });
    let ack: SentAck | undefined;
    const response = await this.#perform(request, dialog, () => ack?.again(this.context));
    if (response.status >= 200 && response.status < 300) {
      const sequence = parseCSeq(response.headers.get('CSeq') ?? '')?.sequence ?? dialog.localSequence;
      dialog.refresh(response.headers);
      this.localSdp = sdp;
      ack = this.sendAck(dialog, sequence);
      if (!this.#over) this.refresher.answered(response);
    }
    return response;
  }

  /** Learns from an INVITE or 2xx of the peer what it can. */
  protected meet(headers: SipHeaders): void {
    this.#allowsUpdate = headers.getAll('Allow').some((method) => method.toUpperCase() === 'UPDATE');
  }

  // --- The session timer, RFC 4028 ---

  /** Section 7.4: UPDATE needs no session description; who does not take it gets a re-INVITE. */
  #refresh(): Promise<SipResponse> | undefined {
    const { dialog } = this;
    // A flow that is lost has its own limit, and an offer under way refreshes by itself.
    if (dialog?.state !== 'confirmed' || this.way.isLost || this.#reinviter?.active || this.peerOffers.busy)
      return undefined;
    if (this.#allowsUpdate) return this.#sendUpdate(dialog);
    return this.localSdp === undefined ? undefined : this.reinvite(this.localSdp);
  }

  async #sendUpdate(dialog: Dialog): Promise<SipResponse> {
    const request = dialog.request('UPDATE');
    this.#decorate(request, { headers: this.#timerHeaders() });
    const response = await this.#perform(request, dialog);
    if (response.status >= 200 && response.status < 300 && !this.#over) {
      dialog.refresh(response.headers);
      this.refresher.answered(response);
    }
    if (response.status === 405 || response.status === 501) this.#allowsUpdate = false;
    return response;
  }

  #timerHeaders(): Array<[string, string]> {
    const headers = this.refresher.headers();
    return headers.length === 0 ? [] : [['Supported', this.context.supported.join(', ')], ...headers];
  }

  /** Section 10: the peer did not refresh, or did not answer ours. */
  #expired(): void {
    if (this.#over || !this.dialog) return;
    this.sendBye(this.dialog, [['Reason', 'SIP;cause=408;text="Session timer expired"']]);
    this.end({ by: 'timeout' });
  }

  #perform(request: SipRequest, dialog: Dialog, again?: () => void): Promise<SipResponse> {
    return new Promise((resolve) => {
      this.#start(
        request,
        dialog,
        (response) => {
          resolve(response);
          // Section 12.2.1.2: these mean that the peer has no dialog any more.
          if (response.status === 481 || response.status === 408) this.#lost(dialog, response);
          if (response.status === 503 && response.headers.has('Warning')) this.#lost(dialog, response);
        },
        again,
      );
    });
  }

  #lost(dialog: Dialog, response: SipResponse): void {
    if (this.#over) return;
    // The peer's connection is gone: it has its time to come back.
    if (response.status === 503 && this.way.isLost) return;
    const by = { 481: 'peer', 408: 'timeout' } as const;
    this.sendBye(dialog);
    this.end({ by: response.status === 481 || response.status === 408 ? by[response.status] : 'transport' });
  }

  #start(
    request: SipRequest,
    dialog: Dialog,
    final: (response: SipResponse) => void,
    again?: () => void,
  ): void {
    const client = new ClientRequest({
      context: this.context,
      request,
      flow: () => this.way.to(dialog),
      credentials: this.credentials,
      nextSequence: () => dialog.nextSequence(),
      amend: (headers, response) => this.refresher.raise(headers, response),
      user: {
        sending: (sent, flow) => {
          if (sent.method === 'INVITE' || sent.method === 'UPDATE')
            sent.headers.set('Contact', contactOn(this.context, flow, sent));
        },
        provisional: () => {},
        final: (response) => {
          this.#requests.delete(client);
          final(response);
        },
        again: () => again?.(),
      },
    });
    // A BYE outlives the session; everything else is given up with it.
    if (request.method !== 'BYE') this.#requests.add(client);
    client.start();
  }

  // --- Requests of the peer ---

  receive(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void {
    const verdict = dialog.receive(request);
    if (!verdict.ok) {
      this.respond(transaction, verdict.status);
      return;
    }
    this.way.heardOn(transaction.flow);
    if (request.method === 'BYE') this.receiveBye(dialog, request, transaction);
    else if (request.method === 'INVITE') this.peerOffers.receiveInvite(request, transaction);
    else if (request.method === 'UPDATE') this.peerOffers.receiveUpdate(request, transaction);
    else if (request.method === 'PRACK') this.receivePrack(transaction);
    else this.receiveOther(transaction);
  }

  receiveAck(_dialog: Dialog, ack: SipRequest, flow: BaseFlow): void {
    if (!this.peerOffers.receiveAck(ack)) return;
    this.way.heardOn(flow);
    this.acknowledged(ack);
    this.#reinviter?.unblocked();
  }

  /** The ACK of a 2xx of ours came. */
  protected acknowledged(_ack: SipRequest): void {}

  protected receiveBye(_dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void {
    this.respond(transaction, 200);
    this.end({ by: 'peer', request });
  }

  /** RFC 3262 section 3: a PRACK for nothing that waits. */
  protected receivePrack(transaction: ServerTransaction): void {
    this.respond(transaction, 481);
  }

  protected respond(transaction: ServerTransaction, status: number, options?: MessageOptions): SipResponse {
    const to = { request: transaction.request, tag: undefined };
    const response = buildResponse(this.context, to, status, options);
    transaction.respond(response);
    return response;
  }

  protected receiveOther(transaction: ServerTransaction): void {
    const incoming = new Incoming(this.context, transaction, undefined);
    this.context.notifier.push(() => {
      if (!this.emitter.emit('request', incoming)) answerUntaken(this.context, incoming);
    });
  }

  #neverAcknowledged(): void {
    if (this.#over || !this.dialog) return;
    this.sendBye(this.dialog);
    this.end({ by: 'timeout' });
  }

  // --- The flow ---

  moveTo(target: Target): void {
    if (!this.#over) this.way.moveTo(target);
  }

  // --- The end ---

  /** Ends the session once: no timer, dialog or transaction of its is left but a BYE on its way. */
  protected end(end: SessionEnd): void {
    if (this.#over) return;
    this.clean();
    this.emit('ended', end);
  }

  /** Releases everything without a word to the owner. */
  protected clean(): void {
    this.#over = true;
    this.way.close();
    this.peerOffers.close();
    this.#reinviter?.close();
    this.refresher.stop();
    for (const request of this.#requests) request.giveUp(481);
    this.#requests.clear();
    if (this.dialog) this.removeDialog(this.dialog);
    this.context.sessions.delete(this.#place);
    // Listeners hold the owner's call; a transaction that waits for stragglers must not. The last event goes first.
    const { notifier } = this.context;
    notifier.push(() => notifier.push(() => this.emitter.clear()));
  }

  protected addDialog(dialog: Dialog): void {
    this.context.dialogs.set(dialog.id, { dialog, user: this });
  }

  protected removeDialog(dialog: Dialog): void {
    dialog.terminate();
    if (this.context.dialogs.get(dialog.id)?.dialog === dialog) this.context.dialogs.delete(dialog.id);
  }
}
