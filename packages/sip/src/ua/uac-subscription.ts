import { Dialog } from '../dialog/dialog.ts';
import { parseCSeq, parseExpires, SipRequest, type SipResponse } from '../message/index.ts';
import {
  type SubscriberInput,
  SubscriberMachine,
  type SubscriberOutput,
  type SubscriberState,
  type SubscriberTimer,
} from '../subscription/subscriber-machine.ts';
import {
  type EventName,
  eventOf,
  parseSubscriptionState,
  sameEvent,
} from '../subscription/subscription-headers.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import { ClientRequest, completeRequest } from './client-request.ts';
import { contactOn, type DialogUser, flowFor, type UaContext, type Way } from './context.ts';
import { answerUntaken, buildResponse, Incoming } from './incoming.ts';
import { NamedTimers } from './named-timers.ts';
import type { SubscribeOptions, SubscriberSubscription } from './subscription-types.ts';

const defaultExpiresSeconds = 3_600;

/** A SUBSCRIBE of ours and the NOTIFYs that follow, RFC 6665 section 4.1: drives a `SubscriberMachine`. */
export class UacSubscription implements SubscriberSubscription, DialogUser {
  readonly #context: UaContext;
  readonly #options: SubscribeOptions;
  readonly #machine: SubscriberMachine;
  readonly #event: EventName | undefined;
  /** Call-ID and our tag: what the first NOTIFY is known by. */
  readonly #key: string;
  readonly #timers: NamedTimers<SubscriberTimer>;
  readonly #way: Way = { pinned: undefined, last: undefined };
  readonly #requests = new Set<ClientRequest>();
  #initial: SipRequest;
  #dialog: Dialog | undefined;
  /** Among the sessions of the stack. */
  #place = '';

  constructor(context: UaContext, options: SubscribeOptions) {
    this.#context = context;
    this.#options = options;
    this.#timers = new NamedTimers(context, (timer) => this.#input({ type: 'timer', timer }));
    const { request, expiresSeconds = defaultExpiresSeconds } = options;
    completeRequest(request, context.userAgent);
    this.#initial = request;
    this.#event = eventOf(request.headers);
    this.#key = subscriberKey(request.headers.get('Call-ID'), tagOf(request.headers.get('From')));
    this.#machine = new SubscriberMachine({ expiresSeconds, t1: context.config.t1 });
  }

  get state(): SubscriberState {
    return this.#machine.state;
  }

  start(): void {
    this.#context.subscribers.set(this.#key, this);
    this.#place = this.#context.sessions.add(this);
    this.#input({ type: 'start' });
  }

  unsubscribe(): void {
    this.#input({ type: 'unsubscribe' });
  }

  /** The first NOTIFY, which makes the dialog (section 4.4.1). It may come before the 2xx. */
  receiveFirst(notify: SipRequest, transaction: ServerTransaction): void {
    const localTag = tagOf(notify.headers.get('To')) ?? '';
    if (!sameEvent(eventOf(notify.headers), this.#event)) {
      this.#respond(transaction, 481);
      return;
    }
    const sequence = parseCSeq(this.#initial.headers.get('CSeq') ?? '')?.sequence ?? 0;
    const dialog = Dialog.ofServer(notify, localTag, sequence);
    dialog.confirm();
    this.#dialog = dialog;
    // Section 4.4.1: a NOTIFY of another fork is of a dialog that we do not want.
    this.#context.subscribers.delete(this.#key);
    this.#context.dialogs.set(dialog.id, { dialog, user: this });
    this.#notified(notify, transaction);
  }

  receive(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void {
    const verdict = dialog.receive(request);
    if (!verdict.ok) this.#respond(transaction, verdict.status);
    else if (request.method !== 'NOTIFY')
      answerUntaken(this.#context, new Incoming(this.#context, transaction, undefined));
    else if (!sameEvent(eventOf(request.headers), this.#event)) this.#respond(transaction, 481);
    else this.#notified(request, transaction);
  }

  receiveAck(): void {}

  /** The stack closes. */
  abort(): void {
    if (this.state === 'terminated') return;
    if (this.#dialog) this.#send(0);
    this.#timers.clear();
    this.#clean();
  }

  #notified(notify: SipRequest, transaction: ServerTransaction): void {
    const state = parseSubscriptionState(notify.headers.get('Subscription-State') ?? '');
    if (!state) {
      this.#respond(transaction, 400);
      return;
    }
    this.#way.last = transaction.flow;
    this.#respond(transaction, 200);
    this.#context.notifier.push(() => this.#options.notified?.(notify, state));
    this.#input({ type: 'notify', state });
  }

  #respond(transaction: ServerTransaction, status: number): void {
    const { request } = transaction;
    const response = buildResponse(this.#context, { request, tag: undefined }, status);
    if (status < 300) response.headers.add('Contact', contactOn(this.#context, transaction.flow, request));
    transaction.respond(response);
  }

  #input(input: SubscriberInput): void {
    for (const output of this.#machine.handle(input, this.#context.clock.now())) this.#perform(output);
  }

  #perform(output: SubscriberOutput): void {
    switch (output.type) {
      case 'subscribe':
        this.#send(output.expiresSeconds);
        return;
      case 'arm':
        this.#timers.arm(output.timer, output.at);
        return;
      case 'cancel':
        this.#timers.cancel(output.timer);
        return;
      case 'ended':
        this.#clean();
        this.#context.notifier.push(() => this.#options.ended?.(output.end));
        return;
    }
  }

  #send(expiresSeconds: number): void {
    const dialog = this.#dialog;
    const request = dialog ? this.#inDialog(dialog) : this.#outside();
    request.headers.set('Expires', String(expiresSeconds));
    const client = new ClientRequest({
      context: this.#context,
      request,
      flow: () =>
        dialog
          ? flowFor(this.#context, dialog, this.#way)
          : this.#context.transport.flowTo(this.#options.target),
      credentials: this.#options.credentials,
      ...(dialog ? { nextSequence: () => dialog.nextSequence() } : {}),
      user: {
        sending: (sent, flow) => {
          if (!this.#dialog) this.#initial = sent;
          sent.headers.set('Contact', contactOn(this.#context, flow, sent));
        },
        provisional: () => {},
        final: (response) => {
          this.#requests.delete(client);
          this.#answered(response);
        },
      },
    });
    this.#requests.add(client);
    client.start();
  }

  #answered(response: SipResponse): void {
    const { status, headers } = response;
    const expiresSeconds = parseExpires(headers.get('Expires') ?? '');
    const minExpiresSeconds = parseExpires(headers.get('Min-Expires') ?? '');
    this.#input({ type: 'response', status, expiresSeconds, minExpiresSeconds });
  }

  #inDialog(dialog: Dialog): SipRequest {
    const request = dialog.request('SUBSCRIBE');
    for (const name of ['Event', 'Accept', 'User-Agent'])
      for (const value of this.#initial.headers.getAll(name)) request.headers.add(name, value);
    return request;
  }

  /** The first one, or again after a 423. */
  #outside(): SipRequest {
    const { headers: old, method, uri } = this.#initial;
    if (!old.has('Via')) return this.#initial;
    const headers = old.clone();
    headers.delete('Via');
    headers.set('CSeq', `${(parseCSeq(old.get('CSeq') ?? '')?.sequence ?? 0) + 1} ${method}`);
    return new SipRequest(method, uri, { headers });
  }

  #clean(): void {
    const { subscribers, dialogs, sessions } = this.#context;
    subscribers.delete(this.#key);
    if (this.#dialog) {
      this.#dialog.terminate();
      dialogs.delete(this.#dialog.id);
    }
    sessions.delete(this.#place);
  }
}

/** What the first NOTIFY of a subscription is found by: our Call-ID and tag. */
export function subscriberKey(callId: string | undefined, localTag: string | undefined): string {
  return `${callId}\n${localTag}`;
}
