import type { SipMessage, SipRequest, SipResponse, Via } from '../message/index.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { InviteServerTransaction, type ServerInput } from './invite-server-transaction.ts';
import { NonInviteServerTransaction } from './non-invite-server-transaction.ts';
import { RestingServer, SentMessage } from './resting.ts';
import type { Timer } from './timer-queue.ts';
import { isOldBranch } from './transaction-key.ts';
import { type RunnerContext, TransactionRunner } from './transaction-runner.ts';

/** The transaction user of a server transaction. */
export interface ServerUser {
  /** The ACK of a 2xx, where it came with the branch of the INVITE. */
  ack(request: SipRequest): void;
  /** Timer H: the final response was never acknowledged. */
  timeout(): void;
  transportError(): void;
  /** A CANCEL for this transaction; it has been answered. */
  cancel?(request: SipRequest): void;
}

/** A server transaction with its flow and timers. */
export class ServerTransaction extends TransactionRunner<ServerInput> {
  readonly request: SipRequest;
  readonly via: Via;
  readonly flow: BaseFlow;
  readonly key: string;
  /** Set by the layer when copies of the request by other ways have to be found (RFC 3261 section 8.2.2.2). */
  mergeKey: string | undefined;
  /** Undefined when nobody wants to hear of it (any more). */
  user: ServerUser | undefined;
  /** The To tag of our responses, for matching by RFC 2543. */
  toTag: string | undefined;
  #answered = false;
  #elsewhere: 'untried' | 'tried' = 'untried';
  #guard: Timer | undefined;

  constructor(
    context: RunnerContext,
    options: { request: SipRequest; via: Via; flow: BaseFlow; key: string },
  ) {
    const { request, flow } = options;
    const machineOptions = { request, reliable: flow.reliable, timers: context.config };
    const invite = request.method === 'INVITE';
    super(
      context,
      invite ? new InviteServerTransaction(machineOptions) : new NonInviteServerTransaction(machineOptions),
    );
    this.request = request;
    this.via = options.via;
    this.flow = flow;
    this.key = options.key;
    // RFC 4320 section 4.2: after 64*T1 nobody waits for the answer to a non-INVITE any more.
    if (!invite) this.#guard = context.timers.set(64 * context.config.t1, () => this.abandon());
  }

  /** Whether a final response was given, or none will be. */
  get answered(): boolean {
    return this.#answered || this.isFinished;
  }

  /**
   * Sends a response. Throws a `SipMessageError` if it cannot be put on the wire; nothing has changed then.
   * @param stateless of a final response nothing is kept (RFC 3261 section 8.2.7)
   */
  respond(response: SipResponse, stateless = false): void {
    if (this.isFinished) return;
    this.encode(response);
    if (response.status >= 200) {
      this.#answered = true;
      this.#clearGuard();
    }
    this.input({ type: 'respond', response });
    if (stateless) this.abort();
    // Timer J: over UDP the answer waits for the request to come again. What is left of it needs no user.
    if (response.status >= 200 && this.request.method !== 'INVITE' && !this.flow.reliable) this.#rest(true);
  }

  /** The 2xx to an INVITE was acknowledged, or nobody waits for that any more: timer L absorbs the rest. */
  acknowledged(): void {
    this.#rest(false);
  }

  receive(request: SipRequest): void {
    this.input({ type: 'request', request });
  }

  /** Ends a transaction that will not be answered. */
  abandon(): void {
    this.input({ type: 'abandon' });
  }

  /** Ends it at once; what could not be delivered stays so. */
  override abort(): void {
    this.#elsewhere = 'tried';
    super.abort();
  }

  protected transmit(bytes: Uint8Array): void {
    const flow = this.context.responseFlow(this.via, this.flow);
    if (flow) flow.send(bytes, () => this.#undelivered(bytes));
    else queueMicrotask(() => this.#undelivered(bytes));
  }

  /** RFC 3261 section 18.2.2: the connection is gone, and where the request came from nobody takes a new one. */
  #undelivered(bytes: Uint8Array): void {
    if (!this.flow.reliable || this.#elsewhere === 'tried') {
      this.sendFailed();
      return;
    }
    this.#elsewhere = 'tried';
    this.context.responseFlowElsewhere(this.via, this.flow).then(
      (flow) => (flow ? flow.send(bytes, () => this.sendFailed()) : this.sendFailed()),
      () => this.sendFailed(),
    );
  }

  protected notifyUser(event: 'response' | 'ack' | 'timeout' | 'transportError', message?: SipMessage): void {
    if (event === 'ack') this.user?.ack(message as SipRequest);
    else if (event === 'timeout') this.user?.timeout();
    else if (event === 'transportError') this.user?.transportError();
  }

  protected override finished(): void {
    this.#clearGuard();
    super.finished();
  }

  #rest(repeats: boolean): void {
    const bytes = this.lastBytes;
    // Matching by RFC 2543 needs the request.
    if (this.isFinished || bytes === undefined || isOldBranch(this.via)) return;
    const flow = this.context.responseFlow(this.via, this.flow);
    const answer = repeats && flow ? new SentMessage(bytes, flow) : undefined;
    this.restAs(new RestingServer(this.toTag, answer, this.context.counters), 64 * this.context.config.t1);
    this.#clearGuard();
  }

  #clearGuard(): void {
    if (this.#guard) this.context.timers.clear(this.#guard);
    this.#guard = undefined;
  }
}
