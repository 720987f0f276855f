import { dialogId } from '../dialog/dialog.ts';
import {
  parseVia,
  type SipRequest,
  type SipResponse,
  serializeMessage,
  type Via,
  validateRequest,
  validateResponse,
} from '../message/index.ts';
import { eventOf } from '../subscription/subscription-headers.ts';
import { isOwnBranch, newTag } from '../transaction/ids.ts';
import { responseTo } from '../transaction/response.ts';
import { serverKey, tagOf } from '../transaction/transaction-key.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { stampVia } from '../transport/via.ts';
import { descriptionOf } from './body.ts';
import { allow, type UaContext } from './context.ts';
import { answerUntaken, buildResponse, Incoming, steadyTag } from './incoming.ts';
import { type Arrival, Intake } from './intake.ts';
import { isAckOfRefusal, refusalTag } from './refusal-tag.ts';
import { tooBrief } from './session-refresher.ts';
import type { IncomingRequest, MessageOptions, OverloadOptions, StatelessAnswer } from './types.ts';
import { subscriberKey } from './uac-subscription.ts';
import { UasInviteSession } from './uas-session.ts';

/** What the stack's owner is asked. */
export interface RouterOwner {
  screen(request: SipRequest, flow: BaseFlow): boolean | StatelessAnswer;
  /** False if nobody takes INVITEs. */
  invite(session: UasInviteSession): boolean;
  /** False if nobody took it. */
  request(incoming: IncomingRequest): boolean;
  maxServerTransactions: number;
  overload: OverloadOptions | undefined;
  /** Does work that has waited, unless the stack was closed meanwhile. */
  later(work: () => void): void;
}

interface Refusal {
  status: number;
  reason?: string;
  headers?: ReadonlyArray<[string, string]>;
  tag?: string;
}

/** Sends each received message to its transaction, its dialog, or the owner: RFC 3261 sections 8.2, 9.2, 12.2.2. */
export class RequestRouter {
  readonly #context: UaContext;
  readonly #owner: RouterOwner;
  readonly #intake: Intake | undefined;

  constructor(context: UaContext, owner: RouterOwner) {
    this.#context = context;
    this.#owner = owner;
    const { overload, later } = owner;
    this.#intake =
      overload &&
      new Intake({
        limits: overload,
        clock: context.clock,
        afterReading: overload.afterReading,
        admit: (invite) => later(() => this.#take(invite)),
        refuse: (invite) => later(() => this.#tooMuch(invite)),
        cancel: (cancel) => later(() => this.#receiveCancel(cancel)),
      });
  }

  receiveResponse(response: SipResponse): void {
    const { counters, transactions } = this.#context;
    this.#intake?.noteRead();
    if (validateResponse(response)) counters.malformed++;
    else if (!transactions.receiveResponse(response)) counters.strayResponses++;
  }

  receiveRequest(request: SipRequest, flow: BaseFlow): void {
    const { counters } = this.#context;
    this.#intake?.noteRead();
    if (isAckOfRefusal(request)) {
      counters.strayAcks++;
      return;
    }
    const via = stampVia(request, flow.remote);
    if (!via) {
      counters.malformed++;
      return;
    }
    const error = validateRequest(request, via);
    if (error) {
      counters.malformed++;
      if (error.status !== undefined)
        this.refuse(request, via, flow, { status: error.status, reason: error.text });
      return;
    }
    if (request.method === 'ACK') this.#receiveAck(request, via, flow);
    else this.#receive({ request, via, flow });
  }

  /** 503 with Retry-After, of which nothing is kept. */
  #tooMuch({ request, via, flow }: Arrival): void {
    const { retryAfterSeconds = 5, headers = [] } = this.#owner.overload ?? {};
    this.#context.counters.overload++;
    const tag = refusalTag(serverKey(request, via));
    const all: Array<[string, string]> = [['Retry-After', String(retryAfterSeconds)], ...headers];
    this.#refuse({ request, via, flow }, { status: 503, headers: all, tag });
  }

  /** Answers without a transaction, RFC 3261 section 8.2.7; never an ACK, never whom the owner does not want. */
  refuse(request: SipRequest, via: Via, flow: BaseFlow, answer: Refusal): void {
    // Without these headers nobody could match the answer, so it is most likely no SIP at all.
    const answerable = ['From', 'To', 'Call-ID', 'CSeq'].every((name) => request.headers.has(name));
    if (request.method === 'ACK' || !answerable || this.#owner.screen(request, flow) !== true) return;
    this.#refuse({ request, via, flow }, answer);
  }

  #refuse({ request, via, flow }: Arrival, answer: Refusal): void {
    const { transport, counters } = this.#context;
    try {
      const { status, reason, tag = newTag(), headers = [] } = answer;
      const response = responseTo(request, status, tag, reason);
      for (const [name, value] of headers) response.headers.add(name, value);
      const bytes = serializeMessage(response);
      counters.sent++;
      transport.responseFlow(via, flow)?.send(bytes, () => counters.transportErrors++);
    } catch {
      // What is wrong with the request may be what we would have to copy into the response.
      counters.garbage++;
    }
  }

  /** Section 8.2.7; over UDP, whose sources are easily forged, no more than what came. */
  #answerOnce(request: SipRequest, via: Via, flow: BaseFlow, { status, headers }: StatelessAnswer): void {
    const { transport, counters } = this.#context;
    const to = { request, tag: steadyTag(serverKey(request, via)) };
    const bytes = serializeMessage(buildResponse(this.#context, to, status, headers ? { headers } : {}));
    if (!flow.reliable && bytes.length > serializeMessage(request).length) return;
    counters.sent++;
    transport.responseFlow(via, flow)?.send(bytes, () => counters.transportErrors++);
  }

  #receiveAck(ack: SipRequest, via: Via, flow: BaseFlow): void {
    const { transactions, counters } = this.#context;
    const transaction = transactions.match(ack, via);
    if (transaction) {
      transaction.receive(ack);
      return;
    }
    const entry = this.#dialogOf(ack);
    if (entry) entry.user.receiveAck(entry.dialog, ack, flow);
    else counters.strayAcks++;
  }

  #receive(arrival: Arrival): void {
    const { request, via, flow } = arrival;
    const { transactions, counters } = this.#context;
    const known = transactions.match(request, via);
    if (known) {
      known.receive(request);
      return;
    }
    if (request.method === 'CANCEL') {
      if (!this.#intake?.cancel(serverKey(request, via, 'INVITE'), arrival)) this.#receiveCancel(arrival);
      return;
    }
    const isNewCall = request.method === 'INVITE' && tagOf(request.headers.get('To')) === undefined;
    const intake = isNewCall ? this.#intake : undefined;
    const key = intake && serverKey(request, via);
    if (key !== undefined && intake?.has(key)) return;
    const entry = this.#dialogOf(request);
    const subscriber = entry || request.method !== 'NOTIFY' ? undefined : this.#subscriberOf(request);
    const admitted = entry !== undefined || subscriber !== undefined || this.#owner.screen(request, flow);
    if (admitted !== true) {
      counters.screened++;
      if (admitted) this.#answerOnce(request, via, flow, admitted);
    } else if (key !== undefined) {
      intake?.push(key, arrival);
    } else {
      this.#take(arrival, entry, subscriber);
    }
  }

  /** A request that may come in, in its time. */
  #take(
    arrival: Arrival,
    entry?: ReturnType<UaContext['dialogs']['get']>,
    subscriber?: ReturnType<UaContext['subscribers']['get']>,
  ): void {
    const { request, via, flow } = arrival;
    const { transactions } = this.#context;
    const full = transactions.servers >= this.#owner.maxServerTransactions;
    if (full || (!entry && request.method === 'INVITE' && this.#owner.overload?.hasRoom?.() === false)) {
      this.#tooMuch(arrival);
      return;
    }
    if (this.#refuseExtension(request, via, flow)) return;
    if (entry) {
      entry.user.receive(entry.dialog, request, transactions.serve(request, via, flow));
      return;
    }
    if (subscriber) {
      subscriber.receiveFirst(request, transactions.serve(request, via, flow));
      return;
    }
    this.#receiveOutside(request, via, flow);
  }

  #receiveOutside(request: SipRequest, via: Via, flow: BaseFlow): void {
    const { transactions } = this.#context;
    const hasTag = tagOf(request.headers.get('To')) !== undefined;
    const invite = request.method === 'INVITE';
    const merged = !hasTag && invite && (transactions.isMerged(request) || hasPassedUs(request, flow));
    const transaction = transactions.serve(request, via, flow);
    if (hasTag || merged) {
      // Section 12.2.2: a dialog that we do not know. Section 8.2.2.2: the same request by another way, or our own again.
      const to = { request, tag: newTag() };
      transaction.respond(buildResponse(this.#context, to, hasTag ? 481 : 482));
      return;
    }
    if (invite) {
      transactions.watchMerges(transaction);
      transaction.respond(responseTo(request, 100));
      if (descriptionOf(request).unsupported) {
        const options: MessageOptions = { headers: [['Accept', 'application/sdp']] };
        transaction.respond(buildResponse(this.#context, { request, tag: newTag() }, 415, options));
        return;
      }
      const minSeconds = tooBrief(this.#context, request);
      if (minSeconds !== undefined) {
        const options: MessageOptions = { headers: [['Min-SE', String(minSeconds)]] };
        transaction.respond(buildResponse(this.#context, { request, tag: newTag() }, 422, options));
        return;
      }
      this.#offerInvite(new UasInviteSession(this.#context, transaction));
      return;
    }
    const incoming = new Incoming(this.#context, transaction, newTag());
    const { events } = this.#context;
    if (request.method === 'SUBSCRIBE' && events.length > 0) {
      // RFC 6665 section 4.2.1.1.
      const event = eventOf(request.headers)?.package;
      if (event === undefined || !events.includes(event)) {
        incoming.respond(489, { headers: [['Allow-Events', events.join(', ')]] });
        return;
      }
    }
    this.#context.notifier.push(() => {
      try {
        if (!this.#owner.request(incoming)) answerUntaken(this.#context, incoming);
      } catch (error) {
        incoming.respond(500);
        throw error;
      }
    });
  }

  #offerInvite(session: UasInviteSession): void {
    this.#context.notifier.push(() => {
      try {
        if (!this.#owner.invite(session)) session.reject(405, { headers: [['Allow', allow(this.#context)]] });
      } catch (error) {
        if (session.state === 'early') session.reject(500);
        throw error;
      }
    });
  }

  /** Section 9.2: the CANCEL is answered by itself; the INVITE, if it has no final response, with 487. */
  #receiveCancel({ request: cancel, via, flow }: Arrival): void {
    const { transactions, counters } = this.#context;
    const cancelled = transactions.matchCancel(cancel, via);
    if (!cancelled && this.#owner.screen(cancel, flow) !== true) {
      counters.screened++;
      return;
    }
    const transaction = transactions.serve(cancel, via, flow);
    const to = { request: cancel, tag: cancelled?.toTag ?? newTag() };
    transaction.respond(buildResponse(this.#context, to, cancelled ? 200 : 481));
    if (!cancelled || cancelled.answered) return;
    if (cancelled.user?.cancel) cancelled.user.cancel(cancel);
    else if (cancelled.request.method === 'INVITE')
      // A re-INVITE: its session stays as it is.
      cancelled.respond(buildResponse(this.#context, { request: cancelled.request, tag: undefined }, 487));
  }

  /** Section 8.2.2.3: what the peer requires and we do not know. */
  #refuseExtension(request: SipRequest, via: Via, flow: BaseFlow): boolean {
    if (!request.headers.has('Require')) return false;
    const { supported, supportedIn, transactions } = this.#context;
    const known = [...supported, ...(supportedIn[request.method] ?? [])];
    const unknown = request.headers.getAll('Require').filter((tag) => !known.includes(tag.toLowerCase()));
    if (unknown.length === 0) return false;
    const transaction = transactions.serve(request, via, flow);
    const headers: Array<[string, string]> = unknown.map((tag) => ['Unsupported', tag]);
    transaction.respond(buildResponse(this.#context, { request, tag: newTag() }, 420, { headers }));
    return true;
  }

  /** The subscription that waits for this first NOTIFY, RFC 6665 section 4.4.1. */
  #subscriberOf({ headers }: SipRequest): ReturnType<UaContext['subscribers']['get']> {
    const key = subscriberKey(headers.get('Call-ID'), tagOf(headers.get('To')));
    return this.#context.subscribers.get(key);
  }

  #dialogOf(request: SipRequest): ReturnType<UaContext['dialogs']['get']> {
    const localTag = tagOf(request.headers.get('To'));
    if (localTag === undefined) return undefined;
    const { headers } = request;
    const id = dialogId(headers.get('Call-ID') ?? '', localTag, tagOf(headers.get('From')) ?? '');
    return this.#context.dialogs.get(id);
  }
}

/** An INVITE of ours that somebody has sent back to us: below the top, a Via of our own making (section 16.3, item 4). */
function hasPassedUs(request: SipRequest, { sentBy }: BaseFlow): boolean {
  const vias = request.headers.getAll('Via');
  if (vias.length < 2) return false;
  return vias.slice(1).some((text) => {
    const via = parseVia(text);
    const ours = via !== undefined && isOwnBranch(via.params.get('branch'));
    return ours && via.host.toLowerCase() === sentBy.host.toLowerCase();
  });
}
