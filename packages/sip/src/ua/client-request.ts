import { answerChallenge } from '../auth/index.ts';
import {
  parseCSeq,
  type SipHeaders,
  SipRequest,
  type SipResponse,
  serializeMessage,
} from '../message/index.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import { newBranch, newCallId, newTag } from '../transaction/ids.ts';
import { responseTo } from '../transaction/response.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { ownVia } from '../transport/via.ts';
import type { UaContext } from './context.ts';
import type { Credentials } from './types.ts';

/** What becomes of a request: exactly one final response, real or made here (408, 503), and provisional ones. */
export interface RequestUser {
  provisional(response: SipResponse): void;
  final(response: SipResponse): void;
  /** A 2xx after the first one (INVITE only): repeated, or of another fork. */
  again?(response: SipResponse): void;
  /** The transaction that carries the request now, before anything is sent. */
  sending?(request: SipRequest, flow: BaseFlow): void;
}

export interface ClientRequestOptions {
  context: UaContext;
  request: SipRequest;
  flow: () => BaseFlow | Promise<BaseFlow>;
  user: RequestUser;
  credentials?: Credentials | undefined;
  /** Next CSeq number, where a dialog counts. */
  nextSequence?: () => number;
  /** Makes a refused request acceptable by changing its headers, and is true then; it is sent again. */
  amend?: (headers: SipHeaders, response: SipResponse) => boolean;
}

/**
 * One request of ours through its transaction, and once more with credentials after a challenge (RFC 3261 section
 * 22.2). It ends exactly once.
 */
export class ClientRequest {
  readonly #options: ClientRequestOptions;
  #request: SipRequest;
  #transaction: ClientTransaction | undefined;
  /** Statuses that were answered with credentials: one 401 and one 407 at most. */
  #challenged: number[] = [];
  #ended = false;

  constructor(options: ClientRequestOptions) {
    this.#options = options;
    this.#request = options.request;
  }

  /** The request as it was sent last. */
  get request(): SipRequest {
    return this.#request;
  }

  get transaction(): ClientTransaction | undefined {
    return this.#transaction;
  }

  /** @throws SipMessageError if the request cannot be put on the wire. */
  start(): void {
    let flow: BaseFlow | Promise<BaseFlow>;
    try {
      flow = this.#options.flow();
    } catch (error) {
      queueMicrotask(() => this.#failed(error));
      return;
    }
    if (!(flow instanceof Promise)) {
      this.#send(flow);
      return;
    }
    flow
      .then((resolved) => {
        if (!this.#ended) this.#send(resolved);
      })
      .catch((error: unknown) => this.#failed(error));
  }

  /** Gives up waiting; the user gets a final response that is made here. */
  giveUp(status: number): void {
    this.#transaction?.abandon();
    this.#end(localResponse(this.#request, status));
  }

  #send(flow: BaseFlow): void {
    const { user, context } = this.#options;
    const failed = () => this.#end(localResponse(this.#request, 503));
    user.sending?.(this.#request, flow);
    const large = context.transport.largeFlow(flow, () => this.#sizeOn(flow));
    if (!large) {
      this.#transmit(flow, failed);
      return;
    }
    user.sending?.(this.#request, large);
    this.#transmit(large, () => {
      if (large.opened || this.#ended) {
        failed();
        return;
      }
      // RFC 3261 section 18.1.1: whoever takes no TCP gets it over UDP, in fragments.
      context.transport.noLargeFlow(flow);
      this.#request.headers.removeFirst('Via');
      user.sending?.(this.#request, flow);
      this.#transmit(flow, failed);
    });
  }

  #transmit(flow: BaseFlow, transportError: () => void): void {
    this.#transaction = this.#options.context.transactions.request(this.#request, flow, {
      response: (response) => this.#response(response, flow),
      timeout: () => this.#end(localResponse(this.#request, 408)),
      transportError,
    });
  }

  /** What the request will take on the wire, with the Via that it gets. */
  #sizeOn(flow: BaseFlow): number {
    const via = `Via: ${ownVia(flow, newBranch())}\r\n`;
    return serializeMessage(this.#request).length + via.length;
  }

  #response(response: SipResponse, flow: BaseFlow): void {
    const { user } = this.#options;
    if (this.#ended) {
      user.again?.(response);
      return;
    }
    if (response.status < 200) {
      user.provisional(response);
      return;
    }
    const challenged = response.status === 401 || response.status === 407;
    const retry = challenged ? this.#answer(response) : this.#amend(response);
    if (!retry) {
      this.#end(response);
      return;
    }
    if (challenged) this.#challenged.push(response.status);
    this.#request = retry;
    this.#send(flow);
  }

  /** The request again, with the answer to the challenge; undefined when there is none to give. */
  #answer(response: SipResponse): SipRequest | undefined {
    const { credentials } = this.#options;
    if (!credentials || this.#challenged.includes(response.status)) return undefined;
    const old = this.#request;
    const { headers: challenge } = response;
    const answer = answerChallenge({ headers: challenge, method: old.method, uri: old.uri, ...credentials });
    if (!answer) return undefined;
    const headers = old.headers.clone();
    headers.set(answer.name, answer.value);
    return this.#again(headers);
  }

  #amend(response: SipResponse): SipRequest | undefined {
    if (response.status < 300) return undefined;
    const headers = this.#request.headers.clone();
    return this.#options.amend?.(headers, response) ? this.#again(headers) : undefined;
  }

  /** The request once more, as a new transaction. */
  #again(headers: SipHeaders): SipRequest {
    const { nextSequence } = this.#options;
    const old = this.#request;
    headers.removeFirst('Via');
    const sequence = nextSequence?.() ?? (parseCSeq(headers.get('CSeq') ?? '')?.sequence ?? 0) + 1;
    headers.set('CSeq', `${sequence} ${old.method}`);
    return new SipRequest(old.method, old.uri, { headers, body: old.body });
  }

  #failed(error: unknown): void {
    const { context } = this.#options;
    context.counters.transportErrors++;
    context.log.debug({ error: String(error) }, 'request could not be sent');
    this.#end(localResponse(this.#request, 503));
  }

  #end(response: SipResponse): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.user.final(response);
  }
}

/** A final response that no peer sent: 408, 487 or 503. It says so, for whoever reads a log. */
export function localResponse(request: SipRequest, status: number): SipResponse {
  const response = responseTo(request, status);
  response.headers.add('Warning', '399 ringthrough "made locally"');
  return response;
}

/** Adds the headers that a request outside a dialog needs and its maker left out, RFC 3261 section 8.1.1. */
export function completeRequest(request: SipRequest, userAgent: string): void {
  const { headers } = request;
  if (!headers.has('Max-Forwards')) headers.add('Max-Forwards', '70');
  const from = headers.get('From') ?? '<sip:anonymous@anonymous.invalid>';
  if (tagOf(from) === undefined) headers.set('From', `${from};tag=${newTag()}`);
  if (!headers.has('To')) headers.add('To', `<${request.uri}>`);
  if (!headers.has('Call-ID')) headers.add('Call-ID', newCallId());
  if (!headers.has('CSeq')) headers.add('CSeq', `1 ${request.method}`);
  if (!headers.has('User-Agent')) headers.add('User-Agent', userAgent);
}
