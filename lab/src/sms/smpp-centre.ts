import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import smpp, { type PDU, type PduFields, type Server, type Session } from 'smpp';
import { LabError } from '../model/errors.ts';
import { toE164 } from '../model/numbers.ts';
import type { SmsRecord } from '../model/sms-centre.ts';
import type { CarrierOptions } from '../model/types.ts';
import type { Carrier, Carriers } from '../parts/carriers.ts';
import type { Handsets } from '../parts/handsets.ts';
import type { Hub } from '../parts/hub.ts';
import type { Messages, UplinkSms } from '../parts/messages.ts';
import { newMessage, partId, receiptIds, recordId } from './message-ids.ts';
import { readShortMessage, writeShortMessages } from './segments.ts';
import { type WaitingPart, WaitingParts } from './waiting-parts.ts';

export interface SmppCentreOptions {
  host: string;
  /** TCP; 0 takes any free one. */
  port: number;
  hub: Hub;
  carriers: Carriers;
  handsets: Handsets;
  messages: Messages;
  /** Parts of long messages that were answered for before the restart. */
  snapshot: readonly WaitingPart[] | undefined;
}

/** The port of the SMS centre is taken, or may not be used. */
export class SmppListenError extends Error {
  readonly code: string | undefined;
  readonly host: string;
  readonly port: number;

  constructor(address: { host: string; port: number }, cause: NodeJS.ErrnoException) {
    super(`The SMS centre of the lab cannot listen on TCP port ${address.port}.`, { cause });
    this.name = 'SmppListenError';
    this.code = cause.code;
    this.host = address.host;
    this.port = address.port;
  }
}

interface Bound {
  session: Session;
  carrierId: string;
  sends: boolean;
  takes: boolean;
}

const answerMs = 10_000;
const retryMs = 2000;
const { errors } = smpp;

/** The SMS centre of the lab's carriers towards Ringthrough: SMPP 3.4, one port, a system_id for each carrier. */
export class SmppCentre {
  readonly #options: SmppCentreOptions;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly #bound = new Map<Session, Bound>();
  readonly #parts: WaitingParts;
  /** Ids of messages whose receipts are under way. */
  readonly #receipts = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #reference = 0;
  #port: number;
  #closed = false;

  constructor(options: SmppCentreOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#parts = new WaitingParts(options.snapshot);
    this.#server = smpp.createServer((session) => this.#welcome(session));
    options.messages.onDelivered((record) => void this.#return(record));
    options.carriers.onCondition(({ options: { id }, condition }) => {
      if (condition.sms === 'down') this.dropLinks(id);
    });
  }

  /** The TCP port, once started. */
  get port(): number {
    return this.#port;
  }

  /** @throws SmppListenError */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    try {
      this.#server.listen(port, host);
      await once(this.#server, 'listening');
    } catch (error) {
      throw new SmppListenError({ host, port }, error as NodeJS.ErrnoException);
    }
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.dropLinks();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Cuts the connections of one carrier, or of all, as a cable does. @returns how many */
  dropLinks(carrierId?: string): number {
    const doomed = [...this.#sessions].filter(
      (session) => carrierId === undefined || this.#bound.get(session)?.carrierId === carrierId,
    );
    for (const session of doomed) session.destroy();
    return doomed.length;
  }

  isBound(carrierId: string): boolean {
    return [...this.#bound.values()].some((one) => one.carrierId === carrierId);
  }

  snapshot(): WaitingPart[] {
    return this.#parts.snapshot();
  }

  /** Hands an SMS of a handset to Ringthrough. @throws Error when it does not take it, or is not there */
  async deliver(sms: UplinkSms): Promise<void> {
    this.#reference = (this.#reference + 1) % 256;
    for (const part of writeShortMessages(sms.text, this.#reference)) {
      const fields = { ...addresses(sms.from, sms.to), ...part };
      await this.#ask(this.#receiver(sms.carrierId), fields);
    }
  }

  #welcome(session: Session): void {
    this.#sessions.add(session);
    // Whatever ends it: the sender comes back. After an error the package reads nothing more of it.
    session.on('error', () => session.destroy());
    session.on('close', () => {
      this.#sessions.delete(session);
      if (this.#bound.delete(session)) this.#options.hub.changed();
    });
    session.on('pdu', (pdu: PDU) => {
      if (!pdu.isResponse()) this.#answer(session, pdu);
    });
  }

  #answer(session: Session, pdu: PDU): void {
    switch (pdu.command) {
      case 'bind_transceiver':
      case 'bind_transmitter':
      case 'bind_receiver':
        this.#bind(session, pdu);
        return;
      case 'submit_sm':
        session.send(pdu.response(this.#submit(session, pdu)));
        return;
      case 'enquire_link':
        session.send(pdu.response());
        return;
      case 'unbind':
        session.send(pdu.response());
        session.close();
        return;
      default:
        session.send(pdu.response({ command_status: errors.ESME_RINVCMDID ?? 3 }));
    }
  }

  #bind(session: Session, pdu: PDU): void {
    const carrier = this.#options.carriers
      .all()
      .find(({ options }) => options.smpp?.systemId === pdu.system_id);
    const refusal = this.#refusal(session, pdu, carrier);
    if (!carrier || refusal !== undefined) {
      session.send(pdu.response({ command_status: refusal ?? 0x0f }));
      session.close();
      return;
    }
    const [sends, takes] = [pdu.command !== 'bind_receiver', pdu.command !== 'bind_transmitter'];
    const carrierId = carrier.options.id;
    this.#bound.set(session, { session, carrierId, sends, takes });
    session.send(pdu.response({ system_id: 'ringthrough-lab' }));
    this.#options.hub.changed();
    if (takes) this.#flush(carrierId);
  }

  /** @returns why it may not bind: a status */
  #refusal(session: Session, pdu: PDU, carrier: Carrier | undefined): number | undefined {
    const { smpp: credentials } = carrier?.options ?? {};
    if (!carrier || !credentials) return errors.ESME_RINVSYSID;
    if (!isSame(String(pdu.password), credentials.password)) return errors.ESME_RINVPASWD;
    if (carrier.condition.sms === 'down') return errors.ESME_RSYSERR;
    return this.#bound.has(session) ? errors.ESME_RALYBND : undefined;
  }

  /** Everything that waited for a receiver of this carrier. */
  #flush(carrierId: string): void {
    const { messages } = this.#options;
    messages.connect(carrierId, { deliver: (sms) => this.deliver(sms) });
    for (const record of messages.records()) void this.#return(record);
  }

  /** @returns what submit_sm_resp says; what is accepted is on disk, where there is one */
  #submit(session: Session, pdu: PDU): PduFields {
    const bound = this.#bound.get(session);
    if (!bound?.sends) return { command_status: errors.ESME_RINVBNDSTS ?? 4 };
    const carrier = this.#options.carriers.find(bound.carrierId);
    if (carrier.condition.sms === 'throttled') return { command_status: errors.ESME_RTHROTTLED ?? 0x58 };
    try {
      return { message_id: this.#take(carrier.options, pdu) };
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      return { command_status: statusOf(error) };
    }
  }

  #take(carrier: CarrierOptions, pdu: PDU): string {
    const { messages, handsets, hub } = this.#options;
    const from = senderOf(pdu, carrier);
    const to = numberOf(String(pdu.destination_addr), Number(pdu.dest_addr_ton), carrier);
    const { text, segment } = readShortMessage(pdu);
    const receipt = (Number(pdu.registered_delivery) & 1) === 1;
    if (!segment) {
      const message = newMessage();
      messages.accept({ id: recordId(message, 1), from, to, text, receipt });
      return partId(message, 1);
    }
    // Nobody there: the first part says so already.
    if (!handsets.get(to)) throw new LabError('unknown-handset', 'No SIM of the lab has this number.');
    const { partId: id, joined } = this.#parts.add({ ...segment, from, to, text, receipt });
    if (joined) messages.accept({ ...joined, from, to });
    else hub.persist();
    return id;
  }

  /** Tells the sender that its message was delivered, part by part; again until it has heard it. */
  async #return(record: SmsRecord): Promise<void> {
    const { messages, handsets } = this.#options;
    const ids = receiptIds(record.id);
    if (ids.length === 0 || record.receipt !== 'asked' || record.deliveredAt === null) return;
    if (this.#receipts.has(record.id)) return;
    const carrierId = handsets.get(record.to)?.carrierId;
    if (carrierId === undefined) return;
    this.#receipts.add(record.id);
    try {
      for (const id of ids) await this.#ask(this.#receiver(carrierId), receiptFields(id, record));
      messages.receiptReturned(record.id);
    } catch {
      this.#tryLater();
    } finally {
      this.#receipts.delete(record.id);
    }
  }

  #tryLater(): void {
    if (this.#closed) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      for (const record of this.#options.messages.records()) void this.#return(record);
    }, retryMs);
  }

  #receiver(carrierId: string): Session {
    const bound = [...this.#bound.values()].find((one) => one.takes && one.carrierId === carrierId);
    if (!bound) throw new Error('nobody is bound as receiver');
    return bound.session;
  }

  /** A deliver_sm, taken. The package tells nothing when the connection ends, or when no answer comes. */
  async #ask(session: Session, fields: PduFields): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<PDU>();
    const timer = setTimeout(() => reject(new Error('no answer to deliver_sm')), answerMs);
    const onClose = () => reject(new Error('the connection ended'));
    session.once('close', onClose);
    try {
      if (!session.deliver_sm(fields, resolve)) throw new Error('the connection ended');
      const { command_status } = await promise;
      if (command_status !== 0) throw new Error(`deliver_sm refused with status ${command_status}`);
    } finally {
      clearTimeout(timer);
      session.off('close', onClose);
    }
  }
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** TON 1 with country code, TON 5 a name (SMPP 3.4 section 5.2.5). */
function numberOf(address: string, ton: number, { prefix }: CarrierOptions): string {
  if (address.startsWith('+')) return address;
  return ton === 1 ? `+${address}` : (toE164(address, prefix) ?? address);
}

function senderOf(pdu: PDU, carrier: CarrierOptions): string {
  const [address, ton] = [String(pdu.source_addr), Number(pdu.source_addr_ton)];
  return ton === 1 || ton === 2 ? numberOf(address, ton, carrier) : address;
}

const addresses = (from: string, to: string): PduFields => ({
  source_addr_ton: 1,
  source_addr_npi: 1,
  source_addr: from.replace(/^\+/, ''),
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: to.replace(/^\+/, ''),
});

const statusOf = ({ code }: LabError): number => {
  if (code === 'sms-throttled') return errors.ESME_RTHROTTLED ?? 0x58;
  return (code === 'unknown-handset' ? errors.ESME_RINVDSTADR : errors.ESME_RSYSERR) ?? 8;
};

/** SMPP 3.4 appendix B; the parameters of version 3.4 say the same. */
function receiptFields(id: string, { from, to, acceptedAt, deliveredAt }: SmsRecord): PduFields {
  const time = (at: number) => new Date(at).toISOString().slice(2, 16).replace(/[-T:]/g, '');
  const dates = `submit date:${time(acceptedAt)} done date:${time(deliveredAt ?? acceptedAt)}`;
  return {
    ...addresses(to, from),
    esm_class: 0x04,
    data_coding: 0,
    short_message: `id:${id} sub:001 dlvrd:001 ${dates} stat:DELIVRD err:000 text:`,
    receipted_message_id: id,
    message_state: 2,
  };
}
