import { answerChallenge } from '../auth/index.ts';
import {
  parseCSeq,
  parseExpires,
  type SipHeaders,
  SipRequest,
  type SipResponse,
  serializeMessage,
} from '../message/index.ts';
import { cancelFor } from '../transaction/ack.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import { newBranch, newCallId, newTag } from '../transaction/ids.ts';
import { responseTo } from '../transaction/response.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { ownVia } from '../transport/via.ts';
import { type Route, Ways } from '../transport/ways.ts';
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
  flow: () => Route;
  user: RequestUser;
  credentials?: Credentials | undefined;
  /** Next CSeq number, where a dialog counts. */
  nextSequence?: () => number;
  /** Makes a refused request acceptable by changing its headers, and is true then; it is sent again. */
  amend?: (headers: SipHeaders, response: SipResponse) => boolean;
  /** False: it has been given up, and is not to be tried with another server. */
  wanted?: () => boolean;
  /** A request of which nothing at all was heard for so long ends with 408, where there is no other server. */
  answerWithinMs?: number | undefined;
}

/** A server that asks for more is asked again all the same. */
const longestDeadMs = 3_600_000;

/**
 * One request of ours through its transaction, once more with credentials after a challenge (RFC 3261 section 22.2), and
 * to the next server when one does not answer, cannot be reached or answers 503 (RFC 3263 section 4.3). It ends exactly
 * once.
 */
export class ClientRequest {
  readonly #options: ClientRequestOptions;
  #request: SipRequest;
  #transaction: ClientTransaction | undefined;
  /** Statuses that were answered with credentials: one 401 and one 407 at most. */
  #challenged: number[] = [];
  #ended = false;
  /** Transactions of servers that were left, and whose ringing was stopped. */
  #stopped: Set<ClientTransaction> | undefined;
  #ways: Ways | undefined;
  /** Runs while a server that has said nothing may still be left for another one. */
  #patience: Timer | undefined;
  /** A provisional response other than 100 came: it rings somewhere. */
  #early = false;

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
    let route: Route;
    try {
      route = this.#options.flow();
      if (route instanceof Ways) {
        this.#ways = route;
        route = route.next();
      }
    } catch (error) {
      queueMicrotask(() => this.#failed(error));
      return;
    }
    if (!(route instanceof Promise)) {
      this.#send(route);
      return;
    }
    route
      .then((way) => {
        if (this.#ended) return;
        if (way instanceof Ways) this.#ways = way;
        this.#send(way instanceof Ways ? way.next() : way);
      })
      .catch((error: unknown) => this.#failed(error));
  }

  /** Gives up waiting; the user gets a final response that is made here. */
  giveUp(status: number): void {
    this.#losePatience();
    this.#transaction?.abandon();
    this.#end(localResponse(this.#request, status));
  }

  #send(flow: BaseFlow): void {
    const { user, context } = this.#options;
    const failed = () => {
      if (!this.#moveOn()) this.#end(localResponse(this.#request, 503));
    };
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
    const { timers, config, transactions } = this.#options.context;
    const request = this.#request;
    // The transaction of a server that was left goes on by itself.
    const isCurrent = () => this.#transaction === transaction;
    const transaction: ClientTransaction = transactions.request(request, flow, {
      response: (response) => {
        if (isCurrent()) this.#response(response, flow);
        else this.#late(response, request, transaction);
      },
      timeout: () => {
        if (isCurrent() && !this.#moveOn()) this.#end(localResponse(this.#request, 408));
      },
      transportError: () => {
        if (isCurrent()) transportError();
      },
    });
    this.#transaction = transaction;
    this.#losePatience();
    const patienceMs = this.#ways?.more ? config.nextServer : this.#options.answerWithinMs;
    if (patienceMs === undefined) return;
    this.#patience = timers.set(patienceMs, () => {
      if (this.#moveOn()) return;
      this.#transaction = undefined;
      this.#end(localResponse(this.#request, 408));
    });
  }

  #losePatience(): void {
    if (this.#patience) this.#options.context.timers.clear(this.#patience);
    this.#patience = undefined;
  }

  /** RFC 3263 section 4.3: the same request, in a new transaction, to the next server; false when there is none. */
  #moveOn(deadMs = this.#options.context.config.deadServer): boolean {
    this.#losePatience();
    this.#ways?.failed(deadMs);
    if (this.#ended || !this.#ways?.more || this.#early || this.#options.wanted?.() === false) return false;
    const old = this.#request;
    const headers = old.headers.clone();
    headers.removeFirst('Via');
    this.#request = new SipRequest(old.method, old.uri, { headers, body: old.body });
    this.#transaction = undefined;
    this.#options.context.counters.serverFailovers++;
    try {
      this.#send(this.#ways.next());
    } catch (error) {
      this.#failed(error);
    }
    return true;
  }

  /** A server that was left wakes up: what it makes ring is stopped, what it made answer is hung up. */
  #late(response: SipResponse, request: SipRequest, transaction: ClientTransaction): void {
    if (request.method !== 'INVITE') return;
    if (response.status >= 200) {
      if (response.status < 300) this.#options.user.again?.(response);
      return;
    }
    if (this.#stopped?.has(transaction)) return;
    this.#stopped ??= new Set();
    this.#stopped.add(transaction);
    const ignore = () => {};
    const user = { response: ignore, timeout: ignore, transportError: ignore };
    this.#options.context.transactions.cancel(cancelFor(request), transaction, user);
  }

  /** What the request will take on the wire, with the Via that it gets. */
  #sizeOn(flow: BaseFlow): number {
    const via = `Via: ${ownVia(flow, newBranch())}\r\n`;
    return serializeMessage(this.#request).length + via.length;
  }

  #response(response: SipResponse, flow: BaseFlow): void {
    const { user } = this.#options;
    this.#losePatience();
    if (this.#ended) {
      user.again?.(response);
      return;
    }
    if (response.status === 503 && this.#moveOn(this.#retryAfterMs(response))) return;
    if (response.status !== 503) this.#ways?.answered();
    if (response.status < 200) {
      if (response.status > 100) this.#early = true;
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

  #retryAfterMs({ headers }: SipResponse): number {
    const seconds = parseExpires(/^\s*\d+/.exec(headers.get('Retry-After') ?? '')?.[0].trim() ?? '');
    return seconds === undefined
      ? this.#options.context.config.deadServer
      : Math.min(seconds * 1_000, longestDeadMs);
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
    this.#losePatience();
    this.#ended = true;
    this.#options.user.final(response);
  }
}

/** A final response that no peer sent: 408, 487 or 503. It says so, for whoever reads a log. */
function localResponse(request: SipRequest, status: number): SipResponse {
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
