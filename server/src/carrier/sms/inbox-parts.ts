import { createHash } from 'node:crypto';
import { decodeText } from '@ringthrough/smpp';
import type { Logger } from '../../log.ts';
import type { Store } from '../../store/index.ts';
import type { SmsInbox } from './inbox.ts';

/** One part of a long message. */
export interface ReceivedPart {
  carrierId: string;
  link: string;
  from: string;
  to: string;
  reference: number;
  parts: number;
  /** From 1. */
  part: number;
  /** data_coding. */
  coding: number;
  payload: Uint8Array;
}

interface PartRow {
  carrier_id: string;
  sender: string;
  recipient: string;
  reference: number;
  parts: number;
  part: number;
  coding: number;
  payload: string;
  received_at: number;
  joined: 0 | 1;
}

type Group = Pick<PartRow, 'carrier_id' | 'sender' | 'recipient' | 'reference' | 'parts'>;

export interface InboxPartsOptions {
  store: Store;
  inbox: SmsInbox;
  log: Logger;
  /** How long parts wait for the others. */
  waitMs: number;
  now?: () => number;
}

/** Stands for a part that never came. */
const gap = ' […] ';

/**
 * Parts of long messages, in whatever order and however often they come: stored before they are acknowledged, and one
 * message in the inbox once all are there. What is not whole in time goes there with gaps: it was acknowledged.
 */
export class InboxParts {
  readonly #options: InboxPartsOptions;
  readonly #store: Store;
  readonly #now: () => number;

  constructor(options: InboxPartsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
  }

  /** Durable when it resolves. @throws when it cannot be stored */
  accept(part: ReceivedPart): Promise<void> {
    return this.#options.inbox.inTurn(() => this.#accept(part));
  }

  /** Deals with parts that have waited long enough; called now and then. */
  async expire(): Promise<void> {
    const before = this.#now() - this.#options.waitMs;
    const late = await this.#store
      .selectFrom('sms_inbox_parts')
      .select(['carrier_id', 'sender', 'recipient', 'reference', 'parts'])
      .where('received_at', '<', before)
      .distinct()
      .execute();
    for (const group of late) await this.#options.inbox.inTurn(() => this.#end(group, before));
  }

  async #accept(given: ReceivedPart): Promise<void> {
    const group = groupOf(given);
    const payload = Buffer.from(given.payload).toString('hex');
    let rows = await this.#rows(group);
    const same = rows.find(({ part }) => part === given.part);
    if (same && same.payload === payload && same.coding === given.coding) {
      // A complete group that the process did not live to join.
      if (isWhole(rows)) await this.#join(rows, given.link);
      return;
    }
    if (same) {
      // The reference is used again: what was there is another message.
      if (!isWhole(rows) && !rows[0]?.joined) await this.#join(rows);
      await this.#forget(group);
      rows = [];
    }
    const { part, coding } = given;
    const row: PartRow = { ...group, part, coding, payload, received_at: this.#now(), joined: 0 };
    await this.#store.insertInto('sms_inbox_parts').values(row).execute();
    if (isWhole([...rows, row])) await this.#join([...rows, row], given.link);
  }

  async #end(group: Group, before: number): Promise<void> {
    const rows = await this.#rows(group);
    // Others may have come meanwhile: the oldest one counts.
    if (!rows.some(({ received_at }) => received_at < before)) return;
    if (!rows[0]?.joined) {
      const { carrierId, have, of } = { carrierId: group.carrier_id, have: rows.length, of: group.parts };
      if (!isWhole(rows))
        this.#options.log.warn({ carrierId, have, of }, 'parts of a received SMS never came');
      await this.#join(rows);
    }
    await this.#forget(group);
  }

  /** Into the inbox, under a key of its own: joined once, whatever happens between the two writes. */
  async #join(rows: readonly PartRow[], link?: string): Promise<void> {
    const [first] = rows;
    if (first === undefined || first.joined === 1) return;
    const began = Math.min(...rows.map(({ received_at }) => received_at));
    const identity = [first.sender, first.recipient, first.reference, first.parts, began];
    await this.#options.inbox.acceptInTurn({
      carrierId: first.carrier_id,
      key: `parts:${createHash('sha256').update(JSON.stringify(identity)).digest('hex')}`,
      ...(link === undefined ? {} : { link }),
      from: first.sender,
      to: first.recipient,
      text: textOf(rows),
    });
    await this.#of(
      this.#store.updateTable('sms_inbox_parts').set({ joined: 1 }),
      groupOfRow(first),
    ).execute();
  }

  #rows(group: Group): Promise<PartRow[]> {
    return this.#store
      .selectFrom('sms_inbox_parts')
      .selectAll()
      .where('carrier_id', '=', group.carrier_id)
      .where('sender', '=', group.sender)
      .where('recipient', '=', group.recipient)
      .where('reference', '=', group.reference)
      .where('parts', '=', group.parts)
      .execute();
  }

  async #forget(group: Group): Promise<void> {
    await this.#of(this.#store.deleteFrom('sms_inbox_parts'), group).execute();
  }

  /** Of updates and deletions. */
  #of<Q extends { where(column: keyof Group, is: '=', value: never): Q }>(query: Q, group: Group): Q {
    const columns = Object.entries(group) as Array<[keyof Group, never]>;
    return columns.reduce((narrowed, [column, value]) => narrowed.where(column, '=', value), query);
  }
}

const groupOf = ({ carrierId, from, to, reference, parts }: ReceivedPart): Group => ({
  carrier_id: carrierId,
  sender: from,
  recipient: to,
  reference,
  parts,
});

const groupOfRow = ({ carrier_id, sender, recipient, reference, parts }: PartRow): Group => ({
  carrier_id,
  sender,
  recipient,
  reference,
  parts,
});

const isWhole = (rows: readonly PartRow[]): boolean => rows.length > 0 && rows.length === rows[0]?.parts;

/** Octets are joined before they are read: a character may lie across two parts. */
function textOf(rows: readonly PartRow[]): string {
  const sorted = [...rows].sort((a, b) => a.part - b.part);
  let text = '';
  let run: { coding: number; octets: Buffer[] } | undefined;
  let last = 0;
  const flush = () => {
    if (run) text += decodeText(run.coding, Buffer.concat(run.octets));
    run = undefined;
  };
  for (const { part, coding, payload } of sorted) {
    if (part !== last + 1 || run?.coding !== coding) flush();
    if (part !== last + 1) text += gap;
    run ??= { coding, octets: [] };
    run.octets.push(Buffer.from(payload, 'hex'));
    last = part;
  }
  flush();
  return last === sorted[0]?.parts ? text : text + gap;
}
