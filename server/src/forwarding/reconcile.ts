import type { Carrier } from '../carrier/index.ts';
import type { Store } from '../store/index.ts';
import type { ForwardingJobs } from './jobs.ts';
import type { ForwardingRecords } from './records.ts';

export interface ReconcileParts {
  store: Store;
  records: ForwardingRecords;
  jobs: ForwardingJobs;
  carrier: (id: string) => Carrier | undefined;
}

/** A number whose record is not that of its link, or a record whose number is linked no more. */
interface Difference {
  number: string;
  /** As linked now; null: not at all. */
  owner: string | null;
  linkedAt: number | null;
  carrierId: string | null;
  recordOwner: string | null;
  recordCarrier: string | null;
}

/**
 * Makes the records follow the numbers. It compares what is linked with what is recorded, and so misses nothing that
 * happened while the process was away. A number that is linked is switched on where the carrier is integrated; what is
 * delinked is switched off there. A number that went to another account is begun anew (R-RECYCLED).
 * @param accountId only numbers and records of this account
 * @returns the accounts of which something changed
 */
export async function reconcile(parts: ReconcileParts, accountId?: string): Promise<string[]> {
  // Almost always there is nothing to do, and reading holds nobody up.
  if ((await differences(parts.store, accountId)).length === 0) return [];
  return parts.store.transaction().execute(async (trx) => {
    const changed = new Set<string>();
    for (const difference of await differences(trx, accountId)) {
      await retire(parts, trx, difference);
      await adopt(parts, trx, difference);
      for (const account of [difference.owner, difference.recordOwner]) if (account) changed.add(account);
    }
    return [...changed];
  });
}

async function differences(store: Store, accountId: string | undefined): Promise<Difference[]> {
  const linked = await store
    .selectFrom('numbers as n')
    .leftJoin('forwarding_records as r', 'r.number', 'n.e164')
    .select([
      'n.e164 as number',
      'n.account_id as owner',
      'n.validated_at as linkedAt',
      'n.carrier_id as carrierId',
      'r.account_id as recordOwner',
      'r.carrier_id as recordCarrier',
    ])
    .where((row) =>
      row.or([
        row.and([row('r.number', 'is', null), row('n.carrier_id', 'is not', null)]),
        row('r.account_id', '<>', row.ref('n.account_id')),
        row('r.linked_at', '<>', row.ref('n.validated_at')),
        row.and([row('r.number', 'is not', null), row('n.carrier_id', 'is', null)]),
        row('r.carrier_id', '<>', row.ref('n.carrier_id')),
      ]),
    )
    .$if(accountId !== undefined, (query) =>
      query.where((row) =>
        row.or([row('n.account_id', '=', accountId ?? ''), row('r.account_id', '=', accountId ?? '')]),
      ),
    )
    .execute();
  const left = await store
    .selectFrom('forwarding_records as r')
    .leftJoin('numbers as n', 'n.e164', 'r.number')
    .select(['r.number', 'r.account_id', 'r.carrier_id'])
    .where('n.e164', 'is', null)
    .$if(accountId !== undefined, (query) => query.where('r.account_id', '=', accountId ?? ''))
    .execute();
  return [
    ...linked,
    ...left.map((row) => ({
      number: row.number,
      owner: null,
      linkedAt: null,
      carrierId: null,
      recordOwner: row.account_id,
      recordCarrier: row.carrier_id,
    })),
  ];
}

/** Ends the old record. At its carrier it is switched off, unless the new owner has it switched on right there. */
async function retire(parts: ReconcileParts, trx: Store, old: Difference): Promise<void> {
  const { number, recordOwner, recordCarrier } = old;
  if (recordOwner === null || recordCarrier === null) return;
  await parts.records.remove(trx, number);
  if (recordCarrier === old.carrierId) return;
  const carrier = parts.carrier(recordCarrier);
  if (!isIntegrated(carrier)) return parts.jobs.drop(trx, number, recordCarrier);
  await parts.jobs.put(trx, {
    number,
    accountId: recordOwner,
    carrierId: carrier.id,
    cNumber: carrier.cNumber,
    action: 'deactivate',
    noReplySeconds: null,
  });
}

async function adopt(parts: ReconcileParts, trx: Store, link: Difference): Promise<void> {
  const { number, owner, linkedAt, carrierId } = link;
  if (owner === null || linkedAt === null || carrierId === null) return;
  await parts.records.begin(trx, { number, accountId: owner, linkedAt, carrierId });
  const carrier = parts.carrier(carrierId);
  if (!isIntegrated(carrier)) return;
  await parts.jobs.put(trx, {
    number,
    accountId: owner,
    carrierId,
    cNumber: carrier.cNumber,
    action: 'activate',
    noReplySeconds: null,
  });
}

function isIntegrated(carrier: Carrier | undefined): carrier is Carrier {
  return carrier?.provisioning !== undefined && carrier.provisioning.adapter !== 'manual';
}
