import { randomBytes } from 'node:crypto';
import { HmacSha256 } from '../auth/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import { responseTo } from '../transaction/response.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { allow, setBody, type UaContext } from './context.ts';
import type { IncomingRequest, IncomingResponseOptions, MessageOptions } from './types.ts';

/** Builds a response of ours; headers of the owner replace ours of the same name. */
export function buildResponse(
  context: UaContext,
  to: { request: SipRequest; tag: string | undefined },
  status: number,
  options?: MessageOptions,
): SipResponse {
  const response = responseTo(to.request, status, to.tag, options?.reason);
  // Strangers get no more than the challenge: the smaller it is, the less use for flooding others.
  if (![100, 401, 407].includes(status)) response.headers.add('Server', context.userAgent);
  for (const [name, value] of options?.headers ?? []) response.headers.add(name, value);
  setBody(response, options);
  return response;
}

/** A non-INVITE request with its transaction. */
export class Incoming implements IncomingRequest {
  readonly request: SipRequest;
  readonly flow: BaseFlow;
  readonly #context: UaContext;
  readonly #transaction: ServerTransaction;
  /** Of our responses; undefined in a dialog, where To has it. */
  readonly tag: string | undefined;

  constructor(context: UaContext, transaction: ServerTransaction, tag: string | undefined) {
    this.request = transaction.request;
    this.flow = transaction.flow;
    this.#context = context;
    this.#transaction = transaction;
    this.tag = tag;
  }

  get transaction(): ServerTransaction {
    return this.#transaction;
  }

  get answered(): boolean {
    return this.#transaction.answered;
  }

  respond(status: number, options?: IncomingResponseOptions): void {
    if (this.#transaction.answered) return;
    const stateless = options?.stateless === true;
    const to = { request: this.request, tag: stateless ? steadyTag(this.#transaction.key) : this.tag };
    this.#transaction.respond(buildResponse(this.#context, to, status, options), stateless);
  }
}

const tags = new HmacSha256(randomBytes(32));
const noBytes = new Uint8Array(0);

/** Section 8.2.7: a stateless UAS gives each copy of a request the same To tag. */
export function steadyTag(transactionKey: string): string {
  return tags.hex('tag', noBytes, transactionKey).slice(0, 12);
}

const registered = new Set(
  'INVITE ACK CANCEL BYE REGISTER OPTIONS INFO UPDATE PRACK MESSAGE SUBSCRIBE NOTIFY PUBLISH REFER'.split(
    ' ',
  ),
);

/** Answers a request that the owner did not take, RFC 3261 sections 8.2.1 and 11.2. */
export function answerUntaken(context: UaContext, incoming: IncomingRequest): void {
  if (incoming.answered) return;
  const { method } = incoming.request;
  if (method === 'OPTIONS') {
    incoming.respond(200, { headers: capabilities(context) });
  } else if (method === 'INFO') {
    // RFC 6086 section 4.2.2: an empty INFO only asks whether we are there.
    incoming.respond(incoming.request.body.length === 0 ? 200 : 415);
  } else if (registered.has(method)) {
    incoming.respond(405, { headers: [['Allow', allow(context)]] });
  } else {
    incoming.respond(501, { headers: [['Allow', allow(context)]] });
  }
}

/** What we can, for OPTIONS and 2xx. */
export function capabilities(context: Pick<UaContext, 'supported' | 'events'>): Array<[string, string]> {
  const list: Array<[string, string]> = [
    ['Allow', allow(context)],
    ['Accept', 'application/sdp'],
  ];
  if (context.supported.length > 0) list.push(['Supported', context.supported.join(', ')]);
  // RFC 6665 section 4.5.1: how a peer finds out.
  if (context.events.length > 0) list.push(['Allow-Events', context.events.join(', ')]);
  return list;
}
