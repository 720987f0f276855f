import { Dialog } from '../dialog/dialog.ts';
import { SipRequest, type SipResponse, serializeMessage } from '../message/index.ts';
import { newBranch } from '../transaction/ids.ts';
import { SentMessage } from '../transaction/resting.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { ownVia } from '../transport/via.ts';
import { ClientRequest } from './client-request.ts';
import type { UaContext } from './context.ts';

/** The ACK of a 2xx. It may be sent again as soon as there is a way for it. */
export class SentAck {
  #sent: SentMessage | undefined;

  /** Puts a Via on the ACK and sends it. */
  send(context: UaContext, ack: SipRequest, flow: BaseFlow): void {
    ack.headers.prepend('Via', ownVia(flow, newBranch()));
    const bytes = serializeMessage(ack);
    this.#sent = new SentMessage(bytes, flow);
    context.counters.sent++;
    flow.send(bytes, () => context.counters.transportErrors++);
  }

  again(context: UaContext): void {
    this.#sent?.again(context.counters);
  }
}

/** No call rings at more places; a callee that makes up tags must not make us keep and send ever more. */
export const maxForks = 64;

/** RFC 3326: another one of the callee's telephones has had the call. */
export const elsewhere: Array<[string, string]> = [
  ['Reason', 'SIP;cause=200;text="Call completed elsewhere"'],
];

/**
 * The 2xx that still come for an INVITE whose session is over (RFC 3261 section 13.2.2.4, timer M): one that was
 * acknowledged is so again, another fork's is hung up. It holds none of the session.
 */
export class LateAnswers {
  readonly #context: UaContext;
  readonly #flow: BaseFlow;
  readonly #acks: Map<string, SentAck>;

  /** @param acks by To tag @param flow that the INVITE went by */
  constructor(context: UaContext, acks: Map<string, SentAck>, flow: BaseFlow) {
    this.#context = context;
    this.#acks = acks;
    this.#flow = flow;
  }

  receive(response: SipResponse): void {
    if (response.status < 200 || response.status > 299) return;
    const tag = tagOf(response.headers.get('To')) ?? '';
    const ack = this.#acks.get(tag);
    if (ack) ack.again(this.#context);
    else if (this.#acks.size < maxForks) this.#hangUp(tag, response);
  }

  #hangUp(tag: string, response: SipResponse): void {
    const context = this.#context;
    const dialog = Dialog.ofClient(inviteOf(response), response);
    dialog.confirm(response);
    const ack = dialog.ack(dialog.localSequence);
    const bye = dialog.request('BYE');
    for (const request of [ack, bye]) request.headers.add('User-Agent', context.userAgent);
    for (const [name, value] of elsewhere) bye.headers.add(name, value);
    const sent = new SentAck();
    this.#acks.set(tag, sent);
    sent.send(context, ack, this.#flow);
    const user = { provisional: () => {}, final: () => {} };
    new ClientRequest({ context, request: bye, flow: () => this.#flow, user }).start();
  }
}

/** What a response says of the INVITE that it answers: enough for its dialog. */
function inviteOf({ headers }: SipResponse): SipRequest {
  const names = ['From', 'To', 'Call-ID', 'CSeq'];
  const copied = names.map((name): [string, string] => [name, headers.get(name) ?? '']);
  return new SipRequest('INVITE', 'sip:callee.invalid', { headers: copied });
}
