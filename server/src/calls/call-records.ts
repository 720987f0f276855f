import { sql } from 'kysely';
import type { LegReport } from '../media/index.ts';
import { type CallOutcome, type Database, prepareQuery, type Store } from '../store/index.ts';
import type { ForwardReason } from './arrival.ts';
import type { CallSummary } from './call-types.ts';

/** What is known when a call arrives. */
export interface CallArrival {
  id: string;
  accountId: string;
  called: string;
  calling: string | undefined;
  reason: ForwardReason;
  carrierId: string;
  trunkCallId: string;
  arrivedAt: number;
}

/** Media of one leg in the CDR: milliseconds and packets. */
export type LegQuality = Omit<LegReport, 'codec'>;

/** One line of a person's call log. Times in unix milliseconds. */
export interface CallRecord {
  id: string;
  /** E.164. */
  called: string | undefined;
  /** E.164; undefined when withheld. */
  calling: string | undefined;
  /** Why the carrier forwarded it: `ForwardReason`. */
  reason: string | undefined;
  arrivedAt: number;
  answeredAt: number | undefined;
  endedAt: number;
  outcome: CallOutcome | undefined;
  /** `EndCause`, or why it went to the alerting server. */
  cause: string | undefined;
  /** Undefined when no device answered, or when it has been removed since. */
  device: { id: string; name: string } | undefined;
  trunkCodec: string | undefined;
  clientCodec: string | undefined;
  quality: { carrier: LegQuality | null; client: LegQuality | null } | undefined;
}

/** The calls table. What resolves is durable. */
export class CallRecords {
  readonly #store: Store;
  readonly #queries: ReturnType<typeof queriesOf>;

  constructor(store: Store) {
    this.#store = store;
    this.#queries = queriesOf(store);
  }

  /** The call has come; a process that dies from here on leaves a trace of it. */
  async open(arrival: CallArrival): Promise<void> {
    await this.#store.executeQuery(this.#queries.open(row(arrival)));
  }

  /** A device has it; a process that dies now must not lose that the call was answered. */
  async answered(callId: string, answeredAt: number, deviceId: string): Promise<void> {
    await this.#store.executeQuery(this.#queries.answered({ id: callId, answeredAt, deviceId }));
  }

  /** The one record of its end. */
  async close(
    callId: string,
    summary: CallSummary,
    legs: { carrier: LegReport | undefined; client: LegReport | undefined },
  ): Promise<void> {
    const quality = { carrier: qualityOf(legs.carrier), client: qualityOf(legs.client) };
    const end = this.#queries.close({
      id: callId,
      deviceId: summary.answeredDeviceId ?? null,
      ringing_at: summary.ringingAt ?? null,
      answered_at: summary.answeredAt ?? null,
      ended_at: summary.endedAt,
      outcome: summary.outcome,
      cause: summary.cause === 'alerting' ? (summary.handOver ?? null) : summary.cause,
      trunk_codec: legs.carrier?.codec ?? null,
      client_codec: legs.client?.codec ?? null,
      quality: JSON.stringify(quality),
    });
    await this.#store.executeQuery(end);
  }

  /** A call that was refused at once: for a number nobody linked, or for lack of a codec. */
  async refused(
    call: Omit<CallArrival, 'accountId' | 'called'> & { accountId: string | null; called: string | null },
    outcome: 'unknown-number' | 'failed',
    cause: string,
  ): Promise<void> {
    const values = { ...row(call), ended_at: call.arrivedAt, outcome, cause };
    await this.#store.insertInto('calls').values(values).execute();
  }

  /**
   * Calls that the last process left open ended with it, some time before `now`: answered if a device had them,
   * voicemail if a message was saved, missed otherwise. @returns how many
   */
  async recover(now: number): Promise<number> {
    const open = await this.#store
      .selectFrom('calls')
      .leftJoin('voicemails', 'voicemails.call_id', 'calls.id')
      .select(['calls.id', 'calls.answered_at', 'voicemails.id as voicemail_id'])
      .where('ended_at', 'is', null)
      .execute();
    const end = async (call: (typeof open)[number]) => {
      const unanswered = call.voicemail_id === null ? 'missed' : 'voicemail';
      const outcome = call.answered_at === null ? unanswered : 'answered';
      await this.#store
        .updateTable('calls')
        .set({ ended_at: now, outcome, cause: 'interrupted' })
        .where('id', '=', call.id)
        .execute();
    };
    await Promise.all(open.map(end));
    return open.length;
  }

  /** Newest first. @param before only calls that arrived earlier than this, unix milliseconds */
  async history(accountId: string, options: { before?: number; limit: number }): Promise<CallRecord[]> {
    const rows = await this.#store
      .selectFrom('calls')
      .leftJoin('devices', 'devices.id', 'calls.answered_device_id')
      .selectAll('calls')
      .select('devices.name as device_name')
      .where('calls.account_id', '=', accountId)
      .where('calls.ended_at', 'is not', null)
      .where('calls.arrived_at', '<', options.before ?? Number.MAX_SAFE_INTEGER)
      .orderBy('calls.arrived_at', 'desc')
      .limit(options.limit)
      .execute();
    return rows.map((call) => ({
      id: call.id,
      called: call.called ?? undefined,
      calling: call.calling ?? undefined,
      reason: call.reason ?? undefined,
      arrivedAt: call.arrived_at,
      answeredAt: call.answered_at ?? undefined,
      endedAt: call.ended_at as number,
      outcome: call.outcome ?? undefined,
      cause: call.cause ?? undefined,
      device:
        call.answered_device_id === null || call.device_name === null
          ? undefined
          : { id: call.answered_device_id, name: call.device_name },
      trunkCodec: call.trunk_codec ?? undefined,
      clientCodec: call.client_codec ?? undefined,
      quality: call.quality === null ? undefined : JSON.parse(call.quality),
    }));
  }
}

type Ended = Pick<
  Database['calls'],
  'ringing_at' | 'answered_at' | 'ended_at' | 'outcome' | 'cause' | 'trunk_codec' | 'client_codec' | 'quality'
>;

/** What is written for every call. */
function queriesOf(store: Store) {
  // A device may be removed while it is in a call; its row is gone then.
  const existing = (deviceId: string | null) =>
    sql<string | null>`(select id from devices where id = ${deviceId})`;
  return {
    open: prepareQuery<ReturnType<typeof row>>((parameter) =>
      store.insertInto('calls').values({
        id: parameter('id'),
        account_id: parameter('account_id'),
        called: parameter('called'),
        calling: parameter('calling'),
        reason: parameter('reason'),
        carrier_id: parameter('carrier_id'),
        trunk_call_id: parameter('trunk_call_id'),
        arrived_at: parameter('arrived_at'),
      }),
    ),
    answered: prepareQuery<{ id: string; answeredAt: number; deviceId: string }>((parameter) =>
      store
        .updateTable('calls')
        .set({ answered_at: parameter('answeredAt'), answered_device_id: existing(parameter('deviceId')) })
        .where('id', '=', parameter('id')),
    ),
    close: prepareQuery<Ended & { id: string; deviceId: string | null }>((parameter) =>
      store
        .updateTable('calls')
        .set({
          ringing_at: parameter('ringing_at'),
          answered_at: parameter('answered_at'),
          ended_at: parameter('ended_at'),
          outcome: parameter('outcome'),
          cause: parameter('cause'),
          answered_device_id: existing(parameter('deviceId')),
          trunk_codec: parameter('trunk_codec'),
          client_codec: parameter('client_codec'),
          quality: parameter('quality'),
        })
        .where('id', '=', parameter('id')),
    ),
  };
}

function row(
  call: Omit<CallArrival, 'accountId' | 'called'> & { accountId: string | null; called: string | null },
) {
  return {
    id: call.id,
    account_id: call.accountId,
    called: call.called,
    calling: call.calling ?? null,
    reason: call.reason,
    carrier_id: call.carrierId,
    trunk_call_id: call.trunkCallId,
    arrived_at: call.arrivedAt,
  };
}

function qualityOf(report: LegReport | undefined): LegQuality | null {
  if (report === undefined) return null;
  const { codec: _, ...quality } = report;
  return quality;
}
