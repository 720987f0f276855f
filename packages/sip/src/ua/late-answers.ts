import { Dialog } from '../dialog/dialog.ts';
import { SipRequest, type SipResponse, serializeMessage } from '../message/index.ts';
import { newBranch } from '../transaction/ids.ts';
import { SentMessage } from '../transaction/resting.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import type { BaseFlow } from '../transport/flow.ts';
import { ownVia } from '../transport/via.ts';
import { ClientRequest } from './client-request.ts';
import type { UaContext } from './context.ts';
import type { Credentials } from './types.ts';

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

export interface LateAnswersOptions {
  /** The ACK of each 2xx, by To tag. */
  acks: Map<string, SentAck>;
  /** That the INVITE went by. */
  flow: BaseFlow;
  /** Of the INVITE. */
  uri: string;
  /** Of a BYE to another fork. */
  headers: ReadonlyArray<[string, string]>;
  credentials: Credentials | undefined;
}

/**
 * The 2xx that still come for an INVITE whose session is over (RFC 3261 section 13.2.2.4, timer M): one that was
 * acknowledged is so again, another fork's is hung up. It holds none of the session.
 */
export class LateAnswers {
  readonly #context: UaContext;
  readonly #options: LateAnswersOptions;

  constructor(context: UaContext, options: LateAnswersOptions) {
    this.#context = context;
    this.#options = options;
  }

  receive(response: SipResponse): void {
    if (response.status < 200 || response.status > 299) return;
    const tag = tagOf(response.headers.get('To')) ?? '';
    const { acks } = this.#options;
    const ack = acks.get(tag);
    if (ack) ack.again(this.#context);
    else if (acks.size < maxForks) this.#hangUp(tag, response);
  }

  #hangUp(tag: string, response: SipResponse): void {
    const context = this.#context;
    const { acks, flow, uri, headers, credentials } = this.#options;
    const dialog = Dialog.ofClient(inviteOf(response, uri), response);
    dialog.confirm(response);
    const ack = dialog.ack(dialog.localSequence);
    const bye = dialog.request('BYE');
    for (const request of [ack, bye]) request.headers.add('User-Agent', context.userAgent);
    for (const [name, value] of headers) bye.headers.add(name, value);
    const sent = new SentAck();
    acks.set(tag, sent);
    sent.send(context, ack, flow);
    const user = { provisional: () => {}, final: () => {} };
    const nextSequence = () => dialog.nextSequence();
    new ClientRequest({ context, request: bye, flow: () => flow, user, credentials, nextSequence }).start();
  }
}

/** What a response says of the INVITE that it answers: enough for its dialog. */
function inviteOf({ headers }: SipResponse, uri: string): SipRequest {
  const names = ['From', 'To', 'Call-ID', 'CSeq'];
  const copied = names.map((name): [string, string] => [name, headers.get(name) ?? '']);
  return new SipRequest('INVITE', uri, { headers: copied });
}
