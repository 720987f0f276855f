import { Dialog } from '../dialog/dialog.ts';
import { parseExpires, type SipRequest, type SipResponse } from '../message/index.ts';
import {
  type NotifierInput,
  NotifierMachine,
  type NotifierOutput,
  type NotifierTimer,
  type NotifyCause,
} from '../subscription/notifier-machine.ts';
import {
  type EventName,
  eventOf,
  formatEvent,
  formatSubscriptionState,
  type SubscriptionState,
  sameEvent,
  type TerminationReason,
} from '../subscription/subscription-headers.ts';
import { newTag } from '../transaction/ids.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { ClientRequest } from './client-request.ts';
import {
  canDial,
  contactOn,
  type DialogUser,
  flowFor,
  setBody,
  type UaContext,
  type Way,
} from './context.ts';
import { answerUntaken, buildResponse, Incoming } from './incoming.ts';
import { NamedTimers } from './named-timers.ts';
import type { AcceptSubscriptionOptions, NotifierSubscription, NotifyBody } from './subscription-types.ts';
import type { MessageOptions } from './types.ts';

/** A SUBSCRIBE to us and the NOTIFYs that follow, RFC 6665 section 4.2: drives a `NotifierMachine`. */
export class UasSubscription implements NotifierSubscription, DialogUser {
  readonly callId: string;
  readonly event: EventName;
  /** False: it got 423, and there is none. */
  readonly accepted: boolean;
  readonly #context: UaContext;
  readonly #options: AcceptSubscriptionOptions;
  readonly #machine: NotifierMachine;
  readonly #dialog: Dialog;
  readonly #way: Way;
  readonly #timers: NamedTimers<NotifierTimer>;
  #answering: ServerTransaction | undefined;
  /** NOTIFYs leave in the order in which they were decided on, however long their bodies take. */
  #leaving: Promise<void> = Promise.resolve();
  #unwatchFlow: (() => void) | undefined;
  /** Nothing more is sent: there is nobody any more. */
  #silent = false;
  /** Among the sessions of the stack. */
  #place = '';

  constructor(context: UaContext, incoming: Incoming, options: AcceptSubscriptionOptions) {
    const { request, flow, tag } = incoming;
    this.#context = context;
    this.#options = options;
    this.#timers = new NamedTimers(context, (timer) => this.#input({ type: 'timer', timer }));
    this.#machine = new NotifierMachine(options.limits);
    this.event = eventOf(request.headers) ?? { package: '', id: undefined };
    this.#dialog = Dialog.ofServer(request, tag ?? newTag());
    this.callId = this.#dialog.callId;
    // A telephone that has proved who it is gets its NOTIFYs where it spoke from, as its calls: its Contact may be a
    // private address. Proxies that want to stay in the dialog have said so (Record-Route).
    const direct = options.confined === true || this.#dialog.routeSet.length === 0;
    this.#way = { pinned: direct ? flow : undefined, last: flow };
    this.#subscribe(incoming.transaction);
    this.accepted = this.#machine.state !== 'init';
    if (this.ended) return;
    this.#dialog.confirm();
    context.dialogs.set(this.#dialog.id, { dialog: this.#dialog, user: this });
    this.#place = context.sessions.add(this);
    this.#watchFlow();
  }

  get ended(): boolean {
    return this.#machine.state !== 'active';
  }

  get flow(): BaseFlow | undefined {
    return this.#way.last;
  }

  changed(): void {
    this.#input({ type: 'changed' });
  }

  terminate(reason: TerminationReason, retryAfterSeconds?: number): void {
    this.#input({ type: 'terminate', reason, retryAfterSeconds });
  }

  receive(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void {
    const verdict = dialog.receive(request);
    if (!verdict.ok) {
      this.#respond(transaction, verdict.status);
      return;
    }
    this.#heardOn(transaction.flow);
    if (request.method !== 'SUBSCRIBE')
      answerUntaken(this.#context, new Incoming(this.#context, transaction, undefined));
    // Several subscriptions in one dialog are of RFC 3265 (RFC 6665 section 4.5.2).
    else if (!sameEvent(eventOf(request.headers), this.event)) this.#respond(transaction, 481);
    else this.#subscribe(transaction);
  }

  receiveAck(): void {}

  /** The stack closes: whoever is interested may come again. */
  abort(): void {
    if (this.ended) return;
    this.#silent = true;
    this.#send({ state: 'terminated', reason: 'probation' }, undefined);
    this.#input({ type: 'lost' });
  }

  #subscribe(transaction: ServerTransaction): void {
    this.#answering = transaction;
    const expiresSeconds = parseExpires(transaction.request.headers.get('Expires') ?? '');
    this.#input({ type: 'subscribe', expiresSeconds });
    this.#answering = undefined;
  }

  #input(input: NotifierInput): void {
    const outputs = this.#machine.handle(input, this.#context.clock.now());
    for (const output of outputs) this.#perform(output);
  }

  #perform(output: NotifierOutput): void {
    switch (output.type) {
      case 'respond':
        this.#answer(output);
        return;
      case 'notify':
        this.#leaving = this.#leaving
          .then(() => this.#notify(output.cause, output.state))
          .catch((error: unknown) => this.#broken(error));
        return;
      case 'arm':
        this.#timers.arm(output.timer, output.at);
        return;
      case 'cancel':
        this.#timers.cancel(output.timer);
        return;
      case 'ended':
        if (output.how === 'lost') this.#silent = true;
        this.#clean();
        this.#context.notifier.push(() => this.#options.ended?.(output.how));
        return;
    }
  }

  #answer(output: Extract<NotifierOutput, { type: 'respond' }>): void {
    const transaction = this.#answering;
    if (!transaction) return;
    const headers: Array<[string, string]> =
      output.status === 423
        ? [['Min-Expires', String(output.minExpiresSeconds)]]
        : [
            ['Expires', String(output.expiresSeconds)],
            // RFC 6665 section 8.3.2.
            ['Contact', contactOn(this.#context, transaction.flow, transaction.request)],
            ...transaction.request.headers
              .getAll('Record-Route')
              .map((route): [string, string] => ['Record-Route', route]),
          ];
    this.#respond(transaction, output.status, { headers });
  }

  #respond(transaction: ServerTransaction, status: number, options?: MessageOptions): void {
    const to = { request: transaction.request, tag: this.#dialog.localTag };
    transaction.respond(buildResponse(this.#context, to, status, options));
  }

  async #notify(cause: NotifyCause, state: SubscriptionState): Promise<void> {
    if (this.#silent) return;
    let body: NotifyBody | undefined;
    try {
      body = await this.#options.state(cause);
    } catch (error) {
      this.#context.counters.listenerErrors++;
      this.#context.log.error({ error: String(error) }, 'the state of a subscription cannot be told');
      if (cause !== 'end' && !this.ended) {
        this.terminate('giveup');
        return;
      }
    }
    if (this.#silent) return;
    if (body === undefined && cause === 'change') this.#input({ type: 'unchanged' });
    // What is over does not go on for a change that was to be told before.
    else if (!this.ended || state.state === 'terminated') this.#send(state, body);
  }

  /** A NOTIFY cannot be put on the wire: there will be no other. */
  #broken(error: unknown): void {
    this.#context.counters.listenerErrors++;
    this.#context.log.error({ error: String(error) }, 'a NOTIFY cannot be sent');
    this.#input({ type: 'lost' });
  }

  #send(state: SubscriptionState, body: NotifyBody | undefined): void {
    const request = this.#dialog.request('NOTIFY');
    const { headers } = request;
    headers.add('Event', formatEvent(this.event));
    headers.add('Subscription-State', formatSubscriptionState(state));
    headers.add('User-Agent', this.#context.userAgent);
    setBody(request, body);
    const client = new ClientRequest({
      context: this.#context,
      request,
      flow: () => flowFor(this.#context, this.#dialog, this.#way),
      nextSequence: () => this.#dialog.nextSequence(),
      user: {
        sending: (sent, flow) => sent.headers.set('Contact', contactOn(this.#context, flow, sent)),
        provisional: () => {},
        final: (response) => this.#notified(response),
      },
    });
    client.start();
  }

  #notified(response: SipResponse): void {
    const retryAfterSeconds = parseExpires(response.headers.get('Retry-After')?.split(/[;( ]/, 1)[0] ?? '');
    this.#input({ type: 'notified', status: response.status, retryAfterSeconds });
  }

  #heardOn(flow: BaseFlow): void {
    const { pinned } = this.#way;
    // The source of a datagram is easily forged, and nobody was asked for a password; a NAT changes the port alone.
    if (this.#options.confined && pinned && !flow.reliable && flow.remote.host !== pinned.remote.host) return;
    this.#way.last = flow;
    if (pinned) this.#way.pinned = flow;
    this.#watchFlow();
  }

  /** A connection that nobody can open again from here takes its subscription along. */
  #watchFlow(): void {
    this.#unwatchFlow?.();
    this.#unwatchFlow = undefined;
    const flow = this.#way.last;
    if (!flow?.reliable) return;
    this.#unwatchFlow = flow.onClose(() => {
      if (this.#way.pinned || !canDial(this.#dialog, flow)) this.#input({ type: 'lost' });
    });
  }

  #clean(): void {
    this.#unwatchFlow?.();
    const { dialogs, sessions } = this.#context;
    this.#dialog.terminate();
    if (dialogs.get(this.#dialog.id)?.dialog === this.#dialog) dialogs.delete(this.#dialog.id);
    sessions.delete(this.#place);
  }
}
