import {
  formatUri,
  parseContact,
  parseCSeq,
  parseNameAddr,
  parseUri,
  type SipHeaders,
  SipRequest,
  type SipResponse,
} from '../message/index.ts';
import { tagOf } from '../transaction/transaction-key.ts';

export type DialogState = 'early' | 'confirmed' | 'terminated';

/** What a dialog says to a request in it: go on, or answer with this status (RFC 3261 section 12.2.2). */
export type DialogVerdict = { ok: true } | { ok: false; status: 400 | 500 };

interface DialogInit {
  callId: string;
  local: string;
  remote: string;
  localTag: string;
  remoteTag: string;
  routeSet: string[];
  remoteTarget: string;
  localSequence: number;
  remoteSequence: number | undefined;
}

/** Methods whose Contact changes the remote target. */
const targetRefresh = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/** A dialog of RFC 3261 section 12: pure state, no I/O. */
export class Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From and To of our requests, with the tags. */
  readonly local: string;
  readonly remote: string;
  #state: DialogState = 'early';
  #routeSet: string[];
  #remoteTarget: string;
  #localSequence: number;
  #remoteSequence: number | undefined;

  private constructor(init: DialogInit) {
    this.callId = init.callId;
    this.localTag = init.localTag;
    this.remoteTag = init.remoteTag;
    this.local = init.local;
    this.remote = init.remote;
    this.#routeSet = init.routeSet;
    this.#remoteTarget = init.remoteTarget;
    this.#localSequence = init.localSequence;
    this.#remoteSequence = init.remoteSequence;
  }

  /**
   * Section 12.1.1: the UAS's, from the INVITE and the To tag of its responses. Of a subscriber, from the first NOTIFY
   * and the CSeq number of the SUBSCRIBE that it follows (RFC 6665 section 4.4.1).
   */
  static ofServer(invite: SipRequest, localTag: string, localSequence = 0): Dialog {
    const { headers } = invite;
    const from = headers.get('From') ?? '';
    return new Dialog({
      callId: headers.get('Call-ID') ?? '',
      local: withTag(headers.get('To') ?? '', localTag),
      remote: from,
      localTag,
      // A peer of RFC 2543 has no tag: its tag is empty.
      remoteTag: tagOf(from) ?? '',
      routeSet: headers.getAll('Record-Route'),
      remoteTarget: contactUri(headers) ?? parseNameAddr(from)?.uri ?? '',
      localSequence,
      remoteSequence: parseCSeq(headers.get('CSeq') ?? '')?.sequence,
    });
  }

  /** Section 12.1.2: the UAC's, from its INVITE and a response with a To tag (or, of RFC 2543, without). */
  static ofClient(invite: SipRequest, response: SipResponse): Dialog {
    const from = invite.headers.get('From') ?? '';
    const to = response.headers.get('To') ?? '';
    return new Dialog({
      callId: invite.headers.get('Call-ID') ?? '',
      local: from,
      remote: to,
      localTag: tagOf(from) ?? '',
      remoteTag: tagOf(to) ?? '',
      routeSet: response.headers.getAll('Record-Route').reverse(),
      remoteTarget: contactUri(response.headers) ?? invite.uri,
      localSequence: parseCSeq(invite.headers.get('CSeq') ?? '')?.sequence ?? 0,
      remoteSequence: undefined,
    });
  }

  /** The key under which requests of the peer are found. */
  get id(): string {
    return dialogId(this.callId, this.localTag, this.remoteTag);
  }

  get state(): DialogState {
    return this.#state;
  }

  get routeSet(): readonly string[] {
    return this.#routeSet;
  }

  get remoteTarget(): string {
    return this.#remoteTarget;
  }

  /** The CSeq number of our last request. */
  get localSequence(): number {
    return this.#localSequence;
  }

  /** The CSeq number of the last request of the peer that was in order. */
  get remoteSequence(): number | undefined {
    return this.#remoteSequence;
  }

  /**
   * A 2xx was sent or came. The UAC gives its 2xx: route set and target are computed anew from it, section 13.2.2.4.
   */
  confirm(response?: SipResponse): void {
    if (this.#state === 'terminated') return;
    this.#state = 'confirmed';
    if (!response) return;
    this.#routeSet = response.headers.getAll('Record-Route').reverse();
    this.refresh(response.headers);
  }

  terminate(): void {
    this.#state = 'terminated';
  }

  /** Takes the remote target from the Contact of a target refresh request or its 2xx, section 12.2.1.2. */
  refresh(headers: SipHeaders): void {
    const target = contactUri(headers);
    if (target !== undefined) this.#remoteTarget = target;
  }

  /** A request of the peer in this dialog (not ACK, not CANCEL), section 12.2.2. */
  receive(request: SipRequest): DialogVerdict {
    const sequence = parseCSeq(request.headers.get('CSeq') ?? '')?.sequence;
    if (sequence === undefined) return { ok: false, status: 400 };
    if (this.#remoteSequence !== undefined && sequence < this.#remoteSequence)
      return { ok: false, status: 500 };
    this.#remoteSequence = sequence;
    if (targetRefresh.has(request.method)) this.refresh(request.headers);
    return { ok: true };
  }

  /** A new request in this dialog, section 12.2.1.1. It has no Via, Contact or Content headers yet. */
  request(method: string): SipRequest {
    this.#localSequence++;
    return this.#build(method, this.#localSequence);
  }

  /** The ACK of a 2xx to our INVITE with this CSeq number, section 13.2.2.4. */
  ack(sequence: number): SipRequest {
    return this.#build('ACK', sequence);
  }

  /** Another CSeq number for a request that is sent again with credentials, section 22.1. */
  nextSequence(): number {
    return ++this.#localSequence;
  }

  /** Where requests go: the first route, or the target, section 12.2.1.1. */
  get nextHop(): string {
    const first = this.#routeSet[0];
    return (first === undefined ? undefined : parseNameAddr(first)?.uri) ?? this.#remoteTarget;
  }

  #build(method: string, sequence: number): SipRequest {
    const first = this.#routeSet[0];
    const firstUri = first === undefined ? undefined : parseNameAddr(first)?.uri;
    const loose = firstUri === undefined || parseUri(firstUri)?.params.has('lr') === true;
    const request = new SipRequest(method, loose ? this.#remoteTarget : strictUri(firstUri));
    const { headers } = request;
    headers.add('Max-Forwards', '70');
    const routes = loose ? this.#routeSet : [...this.#routeSet.slice(1), `<${this.#remoteTarget}>`];
    for (const route of routes) headers.add('Route', route);
    headers.add('From', this.local);
    headers.add('To', this.remote);
    headers.add('Call-ID', this.callId);
    headers.add('CSeq', `${sequence} ${method}`);
    return request;
  }
}

/** Key of a dialog as one side sees it, section 12. */
export function dialogId(callId: string, localTag: string, remoteTag: string): string {
  return `${callId}\n${localTag}\n${remoteTag}`;
}

function withTag(to: string, tag: string): string {
  return tagOf(to) === undefined ? `${to};tag=${tag}` : to;
}

function contactUri(headers: SipHeaders): string | undefined {
  const value = headers.get('Contact');
  const contact = value === undefined ? undefined : parseContact(value);
  return contact === undefined || contact === '*' ? undefined : contact.uri;
}

/** A strict router's URI as Request-URI: without what section 19.1.1 does not allow there. */
function strictUri(text: string): string {
  const uri = parseUri(text);
  if (!uri) return text;
  uri.headers.clear();
  uri.params.delete('method');
  return formatUri(uri);
}
