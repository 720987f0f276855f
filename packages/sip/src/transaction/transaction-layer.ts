import { parseCSeq, parseVia, type SipRequest, type SipResponse, type Via } from '../message/index.ts';
import { TransientMap } from '../transient.ts';
import type { StackCounters } from '../transport/counters.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Clock, TimerConfig } from '../transport/types.ts';
import { ownVia } from '../transport/via.ts';
import { ClientTransaction, type ClientUser } from './client-transaction.ts';
import { newBranch } from './ids.ts';
import { type RestingClient, RestingPlace, RestingServer } from './resting.ts';
import { ServerTransaction } from './server-transaction.ts';
import type { TimerQueue } from './timer-queue.ts';
import { clientKey, isOldBranch, mergeKey, serverKey, tagOf } from './transaction-key.ts';
import type { RunnerContext, TransactionRunner } from './transaction-runner.ts';

export interface TransactionLayerOptions {
  clock: Clock;
  timers: TimerQueue;
  config: TimerConfig;
  counters: StackCounters;
  /** Undefined when there is no way back. */
  responseFlow(via: Via, flow: BaseFlow): BaseFlow | undefined;
  /** RFC 3263 section 5: where that one led nowhere. */
  responseFlowElsewhere(via: Via, flow: BaseFlow): Promise<BaseFlow | undefined>;
}

/** Methods a CANCEL may mean besides INVITE; cancelling them has no effect (RFC 3261 section 9.2). */
const cancellable = ['INVITE', 'REGISTER', 'OPTIONS', 'MESSAGE', 'INFO', 'UPDATE', 'SUBSCRIBE', 'NOTIFY'];

/** All transactions of a stack, and which message belongs to which (RFC 3261 sections 17.1.3 and 17.2.3). */
export class TransactionLayer {
  readonly #context: RunnerContext;
  readonly #clients = new TransientMap<ClientTransaction>();
  readonly #servers = new TransientMap<ServerTransaction>();
  readonly #merged = new TransientMap<ServerTransaction>();
  readonly #restingClients: RestingPlace<RestingClient>;
  readonly #restingServers: RestingPlace<RestingServer>;

  constructor(options: TransactionLayerOptions) {
    this.#context = {
      ...options,
      finished: (transaction) => this.#finished(transaction),
      undeliverable: (transaction) => {
        if (transaction instanceof ServerTransaction) this.#restingServers.delete(transaction.key);
      },
      rested: (transaction, left, durationMs) => this.#rested(transaction, left, durationMs),
    };
    this.#restingClients = new RestingPlace(options.clock, options.timers);
    this.#restingServers = new RestingPlace(options.clock, options.timers);
  }

  get clients(): number {
    return this.#clients.size + this.#restingClients.size;
  }

  get servers(): number {
    return this.#servers.size + this.#restingServers.size;
  }

  /** Puts a Via on top of the request and starts its transaction. The branch is new unless given (CANCEL). */
  request(request: SipRequest, flow: BaseFlow, user: ClientUser): ClientTransaction {
    const branch = newBranch();
    request.headers.prepend('Via', ownVia(flow, branch));
    return this.#start(request, flow, branch, user);
  }

  /** Starts the transaction of a CANCEL, which has the Via of the request it cancels already. */
  cancel(cancel: SipRequest, cancelled: ClientTransaction, user: ClientUser): ClientTransaction {
    return this.#start(cancel, cancelled.flow, cancelled.branch, user);
  }

  /** Gives a response to its transaction; false when there is none. */
  receiveResponse(response: SipResponse): boolean {
    const via = parseVia(response.headers.get('Via') ?? '');
    const cseq = parseCSeq(response.headers.get('CSeq') ?? '');
    const branch = via?.params.get('branch');
    if (!via || !cseq || branch === undefined) return false;
    const key = clientKey(branch, cseq.method);
    const transaction = this.#clients.get(key) ?? this.#restingClients.get(key);
    // Section 18.1.2: a response whose top Via is not ours is discarded.
    if (!transaction || via.host.toLowerCase() !== transaction.host.toLowerCase()) return false;
    transaction.receive(response);
    return true;
  }

  /** The server transaction that a request belongs to, as retransmission or ACK. */
  match(request: SipRequest, via: Via): ServerTransaction | RestingServer | undefined {
    const key = serverKey(request, via);
    const transaction = this.#servers.get(key);
    if (!transaction) return this.#restingServers.get(key);
    if (!isOldBranch(via)) return transaction;
    const expected =
      request.method === 'ACK' ? transaction.toTag : tagOf(transaction.request.headers.get('To'));
    return tagOf(request.headers.get('To')) === expected ? transaction : undefined;
  }

  /** The server transaction that a CANCEL means, section 9.2. */
  matchCancel(cancel: SipRequest, via: Via): ServerTransaction | RestingServer | undefined {
    for (const method of cancellable) {
      const key = serverKey(cancel, via, method);
      const transaction = this.#servers.get(key) ?? this.#restingServers.get(key);
      if (transaction) return transaction;
    }
    return undefined;
  }

  /**
   * Whether a copy of this request that came by another way waits for its answer, section 8.2.2.2. After the answer
   * it is rather a caller that tries again and forgot to count.
   */
  isMerged(request: SipRequest): boolean {
    return this.#merged.get(mergeKey(request))?.answered === false;
  }

  /** Makes the server transaction of a new request. */
  serve(request: SipRequest, via: Via, flow: BaseFlow): ServerTransaction {
    const transaction = new ServerTransaction(this.#context, {
      request,
      via,
      flow,
      key: serverKey(request, via),
    });
    this.#servers.set(transaction.key, transaction);
    return transaction;
  }

  /** Lets copies of this transaction's request be recognised. */
  watchMerges(transaction: ServerTransaction): void {
    transaction.mergeKey = mergeKey(transaction.request);
    this.#merged.set(transaction.mergeKey, transaction);
  }

  /** Ends every transaction and tells nobody. */
  close(): void {
    for (const transaction of this.#clients.values()) transaction.abort();
    for (const transaction of this.#servers.values()) transaction.abort();
    this.#restingClients.clear();
    this.#restingServers.clear();
  }

  #start(request: SipRequest, flow: BaseFlow, branch: string, user: ClientUser): ClientTransaction {
    const key = clientKey(branch, request.method);
    const transaction = new ClientTransaction(this.#context, { request, branch, flow, key, user });
    this.#clients.set(key, transaction);
    transaction.start();
    return transaction;
  }

  #rested(
    transaction: TransactionRunner<never>,
    left: RestingServer | RestingClient,
    durationMs: number,
  ): void {
    this.#finished(transaction);
    if (left instanceof RestingServer)
      this.#restingServers.add((transaction as unknown as ServerTransaction).key, left, durationMs);
    else this.#restingClients.add((transaction as unknown as ClientTransaction).key, left, durationMs);
  }

  #finished(transaction: TransactionRunner<never>): void {
    if (transaction instanceof ClientTransaction) {
      this.#clients.delete(transaction.key);
    } else if (transaction instanceof ServerTransaction) {
      this.#servers.delete(transaction.key);
      if (transaction.mergeKey !== undefined && this.#merged.get(transaction.mergeKey) === transaction)
        this.#merged.delete(transaction.mergeKey);
    }
  }
}
