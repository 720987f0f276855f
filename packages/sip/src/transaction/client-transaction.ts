import type { SipMessage, SipRequest, SipResponse } from '../message/index.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { type ClientInput, InviteClientTransaction } from './invite-client-transaction.ts';
import { NonInviteClientTransaction } from './non-invite-client-transaction.ts';
import { type RestingClient, SentMessage } from './resting.ts';
import { type RunnerContext, TransactionRunner } from './transaction-runner.ts';

/** The transaction user of a client transaction. */
export interface ClientUser {
  response(response: SipResponse): void;
  timeout(): void;
  transportError(): void;
}

/** A client transaction with its flow and timers. */
export class ClientTransaction extends TransactionRunner<ClientInput> {
  readonly request: SipRequest;
  readonly branch: string;
  readonly flow: BaseFlow;
  readonly key: string;
  readonly #user: ClientUser;
  readonly #unwatch: (() => void) | undefined;

  constructor(
    context: RunnerContext,
    options: { request: SipRequest; branch: string; flow: BaseFlow; key: string; user: ClientUser },
  ) {
    const { request, flow } = options;
    const machineOptions = { request, reliable: flow.reliable, timers: context.config };
    super(
      context,
      request.method === 'INVITE'
        ? new InviteClientTransaction(machineOptions)
        : new NonInviteClientTransaction(machineOptions),
    );
    this.request = request;
    this.branch = options.branch;
    this.flow = flow;
    this.key = options.key;
    this.#user = options.user;
    // The answer would come on this connection: when it is gone, waiting for timer B or F is of no use.
    if (flow.reliable) this.#unwatch = flow.onClose(() => this.input({ type: 'transportError' }));
  }

  /** Our sent-by in the Via of the request. */
  get host(): string {
    return this.flow.sentBy.host;
  }

  /** Sends the request. Throws a `SipMessageError` if it cannot be put on the wire; nothing is left then. */
  start(): void {
    try {
      this.encode(this.request);
    } catch (error) {
      this.abort();
      throw error;
    }
    this.input({ type: 'start' });
  }

  receive(response: SipResponse): void {
    this.input({ type: 'response', response });
    // The INVITE was accepted and is not sent again.
    if (response.status >= 200 && response.status < 300) this.forgetBytes();
    if (response.status < 200 || this.flow.reliable) return;
    const { t4, timerD } = this.context.config;
    if (this.request.method !== 'INVITE') this.rest(() => {}, t4);
    else if (response.status >= 300) this.#restRefused(timerD);
  }

  /** The user is done with it: `stragglers` gets the responses that still come, for so long (timers D, K, M). */
  rest(stragglers: RestingClient['receive'], durationMs: number): void {
    this.restAs({ host: this.flow.sentBy.host, receive: stragglers }, durationMs);
    this.#unwatch?.();
  }

  /** Timer D: the ACK is sent again whenever the refusal comes again. */
  #restRefused(durationMs: number): void {
    const bytes = this.lastBytes;
    if (this.isFinished || !bytes) return;
    const ack = new SentMessage(bytes, this.flow);
    const { counters } = this.context;
    this.rest((again) => {
      if (again.status >= 300) ack.again(counters);
    }, durationMs);
  }

  /** Ends the transaction without a final response. */
  abandon(): void {
    this.input({ type: 'abandon' });
  }

  protected transmit(bytes: Uint8Array): void {
    this.flow.send(bytes, () => this.sendFailed());
  }

  protected notifyUser(event: 'response' | 'ack' | 'timeout' | 'transportError', message?: SipMessage): void {
    if (event === 'response') this.#user.response(message as SipResponse);
    else if (event === 'timeout') this.#user.timeout();
    else if (event === 'transportError') this.#user.transportError();
  }

  protected override finished(): void {
    this.#unwatch?.();
    super.finished();
  }
}
