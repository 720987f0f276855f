import {
  type Flow,
  SipRequest,
  type SipResponse,
  type SipStack,
  type UacSession,
  type UasSession,
} from '@ringthrough/sip';
import { fakeSdp } from '../../media/testing/index.ts';

/** Where the server of a `CallWorld` is. */
export const server = { protocol: 'udp', host: '10.0.0.1', port: 5060 } as const;

/** A softphone: registers, collects the calls it gets. */
export class TestDevice {
  readonly stack: SipStack;
  readonly id: string;
  readonly calls: UasSession[] = [];
  /** Reason headers of CANCELs and BYEs. */
  readonly reasons: string[] = [];
  readonly #account: { sipUser: string; password: string; host: string };
  /** Its WebSocket, if it is a browser. */
  flow: Flow | undefined;
  /** A page that was loaded once, and so keeps its contact when it connects again. */
  samePage = false;
  #pageContact: string | undefined;
  #cseq = 0;

  constructor(stack: SipStack, account: { id: string; sipUser: string; password: string; host: string }) {
    this.stack = stack;
    this.id = account.id;
    this.#account = account;
    stack.on('invite', (session) => {
      this.calls.push(session);
      session.on('cancelled', (request) => this.reasons.push(request.headers.get('Reason') ?? ''));
      session.on('ended', ({ request }) => this.reasons.push(request?.headers.get('Reason') ?? ''));
    });
  }

  get host(): string {
    return this.#account.host;
  }

  /** The call that is ringing last. */
  get call(): UasSession {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error(`${this.id} has no call`);
    return call;
  }

  register(expires = 300): Promise<SipResponse> {
    const { sipUser, password } = this.#account;
    this.#cseq += 2;
    const request = new SipRequest('REGISTER', 'sip:localhost', {
      headers: [
        ['From', `<sip:${sipUser}@localhost>`],
        ['To', `<sip:${sipUser}@localhost>`],
        ['Call-ID', `reg-${this.id}${this.flow?.id ?? ''}`],
        ['CSeq', `${this.#cseq} REGISTER`],
        ['Contact', `<${this.#contact()}>;expires=${expires}`],
      ],
    });
    const target = this.flow ? { flow: this.flow } : server;
    return this.stack.request(request, target, { credentials: { username: sipUser, password } });
  }

  echo(password = this.#account.password): UacSession {
    const { sipUser } = this.#account;
    const request = new SipRequest('INVITE', 'sip:echo@localhost', {
      headers: [
        ['From', `<sip:${sipUser}@localhost>`],
        ['To', '<sip:echo@localhost>'],
      ],
      body: fakeSdp(sipUser),
    });
    return this.stack.invite({ request, target: server, credentials: { username: sipUser, password } });
  }

  /** As browsers do it: a name of no place, another one for every page that is loaded. */
  #contact(): string {
    const { sipUser, host } = this.#account;
    if (this.flow === undefined) return `sip:${sipUser}@${host}:5060`;
    if (this.samePage && this.#pageContact !== undefined) return this.#pageContact;
    this.#pageContact = `sip:${this.flow.id.replace(/[^a-z0-9]/gi, '')}@browser.invalid;transport=ws`;
    return this.#pageContact;
  }

  answer(): void {
    this.call.accept({ sdp: fakeSdp(this.id) });
  }
}

/** The caller's end, behind the carrier's trunk. */
export class TestCaller {
  readonly session: UacSession;
  readonly statuses: number[] = [];
  final: SipResponse | undefined;
  endedBy: string | undefined;
  endReason: string | undefined;

  constructor(session: UacSession) {
    this.session = session;
    session.on('provisional', ({ status }) => this.statuses.push(status));
    const final = (response: SipResponse) => {
      this.final = response;
      this.statuses.push(response.status);
    };
    session.on('accepted', final);
    session.on('rejected', final);
    session.on('ended', ({ by, request }) => {
      this.endedBy = by;
      this.endReason = request?.headers.get('Reason');
    });
  }
}
