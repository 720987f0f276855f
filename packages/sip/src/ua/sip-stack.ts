import { SipMisuseError } from '../errors.ts';
import type { SipMessage, SipParseError, SipRequest, SipResponse } from '../message/index.ts';
import { TimerQueue } from '../transaction/timer-queue.ts';
import { TransactionLayer } from '../transaction/transaction-layer.ts';
import { TransientMap, TransientSet } from '../transient.ts';
import { systemClock } from '../transport/clock.ts';
import { newCounters, type StackCounters } from '../transport/counters.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { TlsCredentials } from '../transport/network.ts';
import { NodeNetwork } from '../transport/node-network.ts';
import { TransportLayer } from '../transport/transport-layer.ts';
import {
  defaultLimits,
  defaultTimers,
  type Endpoint,
  type Flow,
  type StackLog,
  type Target,
  type WebSocketLike,
} from '../transport/types.ts';
import { stampVia } from '../transport/via.ts';
import { firstFlow } from '../transport/ways.ts';
import { ClientRequest, completeRequest } from './client-request.ts';
import { contactOn, type UaContext } from './context.ts';
import { createLocator } from './create-locator.ts';
import { Incoming } from './incoming.ts';
import { Notifier } from './notifier.ts';
import { RequestRouter } from './request-router.ts';
import type {
  AcceptSubscriptionOptions,
  NotifierSubscription,
  SubscribeOptions,
  SubscriberSubscription,
} from './subscription-types.ts';
import type {
  IncomingRequest,
  InviteOptions,
  ListenerAddress,
  RequestHandlers,
  SipStackOptions,
  StackStats,
  UacSession,
  UasSession,
} from './types.ts';
import { UacInviteSession } from './uac-session.ts';
import { UacSubscription } from './uac-subscription.ts';
import { UasSubscription } from './uas-subscription.ts';

/** Events of a stack. A `request` listener that does not want a request returns false. */
export interface StackEvents {
  /** An INVITE outside a dialog. Without a listener: 405. */
  invite: [session: UasSession];
  /** Any other request outside a dialog. Whatever nobody takes the stack answers: OPTIONS 200, else 405 or 501. */
  request: [incoming: IncomingRequest];
}

function optionTags({ supported, sessionTimer, reliableProvisional }: SipStackOptions): string[] {
  const known = [...(supported ?? [])];
  if (sessionTimer) known.push('timer');
  if (reliableProvisional) known.push('100rel');
  return known;
}

const silent: StackLog = { debug() {}, warn() {}, error() {} };

/** A SIP user agent: sockets, transactions, dialogs and INVITE sessions behind one object. */
export class SipStack {
  readonly #context: UaContext;
  readonly #router: RequestRouter;
  readonly #inviteListeners = new Set<(session: UasSession) => unknown>();
  readonly #requestListeners = new Set<(incoming: IncomingRequest) => unknown>();
  #state: 'new' | 'starting' | 'started' | 'closed' = 'new';

  constructor(options: SipStackOptions) {
    const clock = options.clock ?? systemClock;
    const config = { ...defaultTimers, ...options.timers };
    const limits = { ...defaultLimits, ...options.limits };
    const log = options.log ?? silent;
    const counters = newCounters();
    const failed = (error: unknown) => {
      counters.listenerErrors++;
      log.error(
        { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
        'listener failed',
      );
    };
    const timers = new TimerQueue(clock, failed);
    const network = options.network ?? new NodeNetwork();
    const transport = new TransportLayer({
      listeners: options.listeners,
      tls: options.tls,
      network,
      locator: createLocator(options, network, clock),
      clock,
      limits,
      counters,
      log,
      receive: (message, flow) => this.#receive(message, flow),
      malformed: (error, partial, flow) => this.#malformed(error, partial, flow),
    });
    const transactions = new TransactionLayer({
      clock,
      timers,
      config,
      counters,
      responseFlow: (via, flow) => transport.responseFlow(via, flow),
      responseFlowElsewhere: (via, flow) => transport.responseFlowElsewhere(via, flow),
    });
    const notifier = new Notifier(failed);
    this.#context = {
      clock,
      timers,
      config,
      counters,
      log,
      transactions,
      transport,
      notifier,
      userAgent: options.userAgent,
      contactUser: options.contactUser,
      supported: optionTags(options),
      supportedIn: options.supportedIn ?? {},
      reliableProvisional: options.reliableProvisional,
      sessionTimer: options.sessionTimer,
      dialogs: new TransientMap(),
      sessions: new TransientSet(),
      events: options.events ?? [],
      subscribers: new Map(),
    };
    this.#router = new RequestRouter(this.#context, {
      screen: options.screen ?? (() => true),
      invite: (session) => this.#deliver(this.#inviteListeners, session),
      request: (incoming) => this.#deliver(this.#requestListeners, incoming),
      maxServerTransactions: limits.maxServerTransactions,
      overload: options.overload,
      later: (work) => {
        if (this.#state === 'started') this.#handle(work);
      },
    });
  }

  /**
   * Opens the listeners, all or none.
   * @throws ListenError (as rejection) for the first address that cannot be had; SipMisuseError `not-started` when it
   * was started before, or is closed meanwhile.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new SipMisuseError('not-started', 'A stack starts once.');
    this.#state = 'starting';
    await this.#context.transport.start();
    if (this.#isClosed) {
      await this.#context.transport.close();
      throw new SipMisuseError('not-started', 'The stack was closed while it started.');
    }
    this.#state = 'started';
  }

  get #isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The addresses that are listened on, with the ports that the system chose. */
  get addresses(): ListenerAddress[] {
    return this.#context.transport.addresses;
  }

  /**
   * Takes new certificates of `tls` into use without a restart: for connections from now on.
   * @throws an error of `node:tls` when they cannot be read; the old ones stay then.
   */
  setTlsCredentials(credentials: TlsCredentials): void {
    this.#context.transport.setCredentials(credentials);
  }

  /**
   * Takes over a WebSocket that was upgraded with the subprotocol `sip`, RFC 7118.
   * @param options.secure it came over TLS: Via then says `WSS`. Default: false
   */
  attachWebSocket(socket: WebSocketLike, remote: Endpoint, options: { secure?: boolean } = {}): Flow {
    return this.#context.transport.attachWebSocket(socket, remote, options.secure ?? false);
  }

  on(event: 'invite', listener: (session: UasSession) => unknown): () => void;
  on(event: 'request', listener: (incoming: IncomingRequest) => unknown): () => void;
  on(
    event: keyof StackEvents,
    listener: ((session: UasSession) => unknown) & ((incoming: IncomingRequest) => unknown),
  ) {
    const set = (event === 'invite' ? this.#inviteListeners : this.#requestListeners) as Set<unknown>;
    const entry = (payload: UasSession & IncomingRequest) => listener(payload);
    set.add(entry);
    return () => void set.delete(entry);
  }

  /**
   * Sends a request that makes no dialog and resolves with its final response, which may be made here: 408 after 64*T1
   * without an answer, 503 when it cannot be sent. Missing headers of RFC 3261 section 8.1.1 are added to `request`.
   * @throws SipMessageError or SipMisuseError (as rejection) for a request that cannot be put on the wire.
   */
  request(request: SipRequest, target: Target, handlers?: RequestHandlers): Promise<SipResponse> {
    return new Promise((resolve) => {
      this.#mustRun();
      if (request.method === 'INVITE' || request.method === 'ACK' || request.method === 'CANCEL')
        throw new SipMisuseError('bad-message', `${request.method} is not sent this way.`);
      completeRequest(request, this.#context.userAgent);
      const client = new ClientRequest({
        context: this.#context,
        request,
        flow: () => this.#context.transport.flowTo(target),
        credentials: handlers?.credentials,
        user: { provisional: (response) => handlers?.provisional?.(response), final: resolve },
      });
      client.start();
    });
  }

  /**
   * Calls somebody. Listeners of the session may be added right after.
   * @throws SipMessageError for a request that cannot be put on the wire; nothing is left then.
   */
  invite(options: InviteOptions): UacSession {
    this.#mustRun();
    const session = new UacInviteSession(this.#context, options);
    session.start();
    return session;
  }

  /**
   * Takes a SUBSCRIBE outside a dialog that was found to be allowed: answers it, and sends a NOTIFY now and whenever
   * there is news. @returns undefined when there is no subscription: asked for too short a time (423), or answered before
   */
  acceptSubscription(
    incoming: IncomingRequest,
    options: AcceptSubscriptionOptions,
  ): NotifierSubscription | undefined {
    this.#mustRun();
    if (!(incoming instanceof Incoming) || incoming.request.method !== 'SUBSCRIBE')
      throw new SipMisuseError('bad-message', 'This is no SUBSCRIBE of the stack.');
    if (incoming.answered) return undefined;
    const subscription = new UasSubscription(this.#context, incoming, options);
    return subscription.accepted ? subscription : undefined;
  }

  /**
   * Subscribes, and refreshes the subscription until `unsubscribe()` or its end.
   * @throws SipMessageError for a request that cannot be put on the wire; nothing is left then.
   */
  subscribe(options: SubscribeOptions): SubscriberSubscription {
    this.#mustRun();
    const subscription = new UacSubscription(this.#context, options);
    subscription.start();
    return subscription;
  }

  /** The Contact that requests to this target carry. Undefined while a host name would have to be resolved. */
  contactFor(target: Target): string | undefined {
    const flow = firstFlow(this.#context.transport.flowTo(target));
    return flow instanceof Promise ? undefined : contactOn(this.#context, flow);
  }

  /** `contactFor` where names may have to be resolved. Rejects when there is no way to the target. */
  async findContact(target: Target): Promise<string> {
    return contactOn(this.#context, await firstFlow(this.#context.transport.flowTo(target)));
  }

  stats(): StackStats {
    const { transactions, dialogs, transport, timers } = this.#context;
    return {
      serverTransactions: transactions.servers,
      clientTransactions: transactions.clients,
      dialogs: dialogs.size,
      flows: transport.flows,
      timers: timers.size,
    };
  }

  /** What was received, sent, absorbed and refused since the start. */
  get counters(): Readonly<StackCounters> {
    return this.#context.counters;
  }

  /**
   * Ends every session (one last BYE, CANCEL or 503 each, without waiting for answers), closes every socket and
   * forgets every timer. Owners of sessions hear `ended`, `cancelled` or `rejected`. Idempotent.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const started = this.#state === 'started';
    this.#state = 'closed';
    const { sessions, transactions, timers, transport } = this.#context;
    if (started) for (const session of sessions.values()) this.#handle(() => session.abort());
    transactions.close();
    timers.close();
    await transport.close();
  }

  #receive(message: SipMessage, flow: BaseFlow): void {
    if (this.#state !== 'started') return;
    this.#context.counters.received++;
    if (message.kind === 'response') this.#handle(() => this.#router.receiveResponse(message));
    else this.#handle(() => this.#router.receiveRequest(message, flow));
  }

  #handle(work: () => void): void {
    try {
      work();
    } catch (error) {
      // A bug of ours, met by this message: it must not end the process or the other calls.
      this.#context.counters.listenerErrors++;
      this.#context.log.error(
        { error: error instanceof Error ? error.stack : String(error) },
        'message failed',
      );
    }
  }

  #malformed(error: SipParseError, partial: SipMessage | undefined, flow: BaseFlow): void {
    const { counters } = this.#context;
    if (partial?.kind !== 'request' || error.status === undefined) {
      counters.garbage++;
      return;
    }
    counters.malformed++;
    const via = stampVia(partial, flow.remote);
    if (via) this.#router.refuse(partial, via, flow, { status: error.status, reason: error.text });
  }

  #deliver<T>(listeners: Set<(payload: T) => unknown>, payload: T): boolean {
    let taken = false;
    for (const listener of listeners) taken = listener(payload) !== false || taken;
    return taken;
  }

  #mustRun(): void {
    if (this.#state !== 'started') throw new SipMisuseError('not-started');
  }
}
