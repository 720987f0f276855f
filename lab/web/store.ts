import { computed, signal } from '@preact/signals';
import type { LadderEntry } from '../src/ladder.ts';
import type { SmsRecord } from '../src/model/sms-centre.ts';
import type { CallView, CarrierView, HandsetView } from '../src/views.ts';
import { ApiError, api } from './api.ts';
import type { HandOver } from './hand-over.ts';

interface Snapshot {
  carriers: CarrierView[];
  handsets: HandsetView[];
  calls: CallView[];
  sms: SmsRecord[];
}

/** The lab as the server told last; `undefined` until it has. */
export const snapshot = signal<Snapshot | undefined>(undefined);
export const connected = signal(true);
/** One sentence for the person, shown until the next action. */
export const notice = signal<{ kind: 'error' | 'hint'; text: string } | undefined>(undefined);

/** The handset that is shown where there is room for one, and whose carrier is open. */
export const shownNumber = signal<string | undefined>(undefined);
export const shownHandset = computed(() => {
  const handsets = snapshot.value?.handsets ?? [];
  return handsets.find((one) => one.number === shownNumber.value) ?? handsets[0];
});
/** What a link asked a handset to do, until the handset has taken it over. */
export const handOver = signal<HandOver | undefined>(undefined);

/** The call whose ladder is chosen; `undefined` follows the newest. */
export const chosenCall = signal<string | undefined>(undefined);
const ladders = signal<ReadonlyMap<string, readonly LadderEntry[]>>(new Map());
const asked = new Set<string>();

export const shownCall = computed(() => {
  const calls = snapshot.value?.calls ?? [];
  return calls.find((call) => call.id === chosenCall.value) ?? calls[0];
});

export const shownLadder = computed(() => {
  const call = shownCall.value;
  return call === undefined ? [] : (ladders.value.get(call.id) ?? []);
});

/** Runs an action of the person and says what went wrong, if it did. @returns whether it went well */
export async function act(action: () => Promise<unknown>): Promise<boolean> {
  notice.value = undefined;
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notice.value = { kind: 'error', text: error.message };
    return false;
  }
}

/** A link handed something to a handset: the one it names, or the one that is shown. */
export function take(wish: HandOver): void {
  if (wish.handset !== undefined) shownNumber.value = wish.handset;
  handOver.value = wish;
}

/** Follows the lab for as long as the page is open; the browser connects again by itself. */
export function follow(): void {
  const events = new EventSource(api.eventsUrl);
  events.addEventListener('state', ({ data }) => {
    connected.value = true;
    snapshot.value = JSON.parse(data) as Snapshot;
    loadLadder();
  });
  events.addEventListener('ladder', ({ data }) => addEntries([JSON.parse(data) as LadderEntry]));
  events.addEventListener('error', () => {
    connected.value = false;
    // The server may have been restarted: what we asked for before may be gone or different.
    asked.clear();
  });
}

export function chooseCall(id: string | undefined): void {
  chosenCall.value = id;
  loadLadder();
}

/** Entries that passed before this page was open. */
function loadLadder(): void {
  const id = shownCall.value?.id;
  if (id === undefined || asked.has(id)) return;
  asked.add(id);
  api.ladder(id).then(addEntries, () => asked.delete(id));
}

function addEntries(entries: readonly LadderEntry[]): void {
  const next = new Map(ladders.value);
  for (const entry of entries) {
    const known = next.get(entry.callId) ?? [];
    if (known.some((one) => one.id === entry.id)) continue;
    next.set(
      entry.callId,
      [...known, entry].sort((a, b) => a.id - b.id),
    );
  }
  ladders.value = next;
}
