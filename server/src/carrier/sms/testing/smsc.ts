import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import smpp, { type PDU, type Server, type Session } from 'smpp';

/** How a submit_sm is answered: a status, or nothing at all. */
export type SubmitAnswer = number | 'silence';

/** A message as the handset has it. */
export interface DeliveredPart {
  to: string;
  from: string;
  text: string;
  /** Reference, number of parts, part. */
  place: number[] | undefined;
  messageId: string;
  pdu: PDU;
}

/** An SMS centre that the test decides on: the npm package's server, not our sessions and not our texts. */
export class Smsc {
  /** What was answered with status 0, in order. */
  readonly taken: DeliveredPart[] = [];
  /** Every submit_sm, whatever became of it. */
  submits = 0;
  binds: string[] = [];
  /** Statuses of the next binds; then 0. */
  bindAnswers: number[] = [];
  answers: SubmitAnswer[] = [];
  /** Submits that may be without an answer at once; more are throttled. */
  most = Number.POSITIVE_INFINITY;
  underWay = 0;
  /** Called for each submit_sm before its answer; answers go out when it resolves. */
  hold: (() => Promise<void>) | undefined;
  /** Message ids of answers; default: a counter in hexadecimal. */
  nextId = 0xa0;
  readonly sessions = new Set<Session>();
  readonly #receivers = new Set<Session>();
  readonly #server: Server;

  constructor() {
    this.#server = smpp.createServer((session) => this.#welcome(session));
  }

  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.drop();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  drop(): void {
    for (const session of this.sessions) session.destroy();
  }

  get bound(): boolean {
    return this.#receivers.size > 0;
  }

  /** A deliver_sm to whoever is bound to take them. @returns the status of its answer; `undefined` when it never came */
  deliver(fields: Record<string, unknown>): Promise<number | undefined> {
    const [session] = this.#receivers;
    if (!session) throw new Error('nobody is bound');
    return new Promise((resolve) => {
      session.once('close', () => resolve(undefined));
      session.deliver_sm(fields, (answer) => resolve(answer.command_status));
    });
  }

  /** The receipt of a message, in decimal where the answer was in hexadecimal. */
  receipt({ messageId, to }: DeliveredPart, stat = 'DELIVRD'): Promise<number | undefined> {
    const id = BigInt(`0x${messageId}`).toString().padStart(10, '0');
    return this.deliver({
      source_addr_ton: 1,
      source_addr: to,
      esm_class: 4,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2611220501 done date:2611220502 stat:${stat} err:000 text:`,
    });
  }

  #welcome(session: Session): void {
    this.sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => {
      this.sessions.delete(session);
      this.#receivers.delete(session);
    });
    session.on('pdu', (pdu: PDU) => {
      if (!pdu.isResponse()) void this.#answer(session, pdu);
    });
  }

  async #answer(session: Session, pdu: PDU): Promise<void> {
    if (pdu.command.startsWith('bind_')) {
      const status = this.bindAnswers.shift() ?? 0;
      if (status === 0) this.binds.push(pdu.command);
      session.send(pdu.response({ command_status: status, system_id: 'smsc' }));
      if (status === 0 && pdu.command !== 'bind_transmitter') this.#receivers.add(session);
    } else if (pdu.command === 'submit_sm') await this.#submit(session, pdu);
    else if (pdu.command === 'unbind') {
      this.#receivers.delete(session);
      session.send(pdu.response());
      session.close();
    } else session.send(pdu.response());
  }

  async #submit(session: Session, pdu: PDU): Promise<void> {
    this.submits += 1;
    this.underWay += 1;
    const tooMany = this.underWay > this.most;
    await this.hold?.();
    this.underWay -= 1;
    const answer = tooMany ? 0x58 : (this.answers.shift() ?? 0);
    if (answer === 'silence') return;
    if (answer !== 0) {
      session.send(pdu.response({ command_status: answer }));
      return;
    }
    const messageId = (this.nextId++).toString(16).toUpperCase();
    this.taken.push(partOf(pdu, messageId));
    session.send(pdu.response({ message_id: messageId }));
  }
}

function partOf(pdu: PDU, messageId: string): DeliveredPart {
  const { message, udh } = pdu.short_message as { message: string; udh?: Uint8Array[] };
  const concatenation = udh?.find(([element]) => element === 0);
  return {
    to: String(pdu.destination_addr),
    from: String(pdu.source_addr),
    text: message,
    place: concatenation && [...concatenation.subarray(2)],
    messageId,
    pdu,
  };
}
