import { effect, type Signal, signal } from '@preact/signals';
import { ApiError, api } from '../api/client.ts';
import type { MechanismName, Validation, ValidationOptions, ValidationPurpose } from '../api/types.ts';
import { guessRegion } from '../format/number.ts';
import { language } from '../texts/language.ts';

/** What a person has typed and reached on the way to a proof. Going back and forth, or a reload, loses nothing of it. */
export interface ProofDraft {
  number: string;
  region: string;
  /** The carrier that the person named; empty when it was not asked for or is not known. */
  carrierId: string;
  options?: ValidationOptions;
  validation?: Validation;
  /** Unix milliseconds at which the validation was begun. */
  startedAt?: number;
  proof?: string;
}

const drafts = new Map<ValidationPurpose, Signal<ProofDraft>>();
const storageKey = (purpose: ValidationPurpose) => `ringthrough.proof.${purpose}`;

function emptyDraft(): ProofDraft {
  return { number: '', region: guessRegion(), carrierId: '' };
}

function readDraft(purpose: ValidationPurpose): ProofDraft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(storageKey(purpose)) ?? 'null') as ProofDraft | null;
    return kept ?? emptyDraft();
  } catch {
    // Damaged: it begins anew.
    return emptyDraft();
  }
}

/** The draft of a purpose; kept in this tab. */
export function draftOf(purpose: ValidationPurpose): Signal<ProofDraft> {
  const known = drafts.get(purpose);
  if (known) return known;
  const draft = signal(readDraft(purpose));
  drafts.set(purpose, draft);
  effect(() => sessionStorage.setItem(storageKey(purpose), JSON.stringify(draft.value)));
  return draft;
}

export function changeDraft(purpose: ValidationPurpose, change: Partial<ProofDraft>): void {
  const draft = draftOf(purpose);
  draft.value = { ...draft.value, ...change };
}

/** The proof was used, or the person is somebody else now. */
export function clearDraft(purpose: ValidationPurpose): void {
  draftOf(purpose).value = emptyDraft();
}

/** A validation of this number that still runs: whoever comes back to it needs no second SMS. */
export function runningValidation(draft: ProofDraft, number: string): Validation | undefined {
  const { validation } = draft;
  return validation?.number === number && validation.expiresAt > Date.now() ? validation : undefined;
}

/** An SMS that confirms by itself needs a browser that reads SMS; without one the link in it has to be opened. */
const readsSms = () => typeof window !== 'undefined' && 'OTPCredential' in window;

/** The ways in the order in which this device offers them; the server's order, but for what only a telephone can do. */
export function waysFor(options: ValidationOptions, canReadSms = readsSms()): MechanismName[] {
  const names = options.mechanisms.map(({ name }) => name);
  if (canReadSms || !names.includes('sms-code')) return names;
  const others = names.filter((name) => name !== 'sms-confirm');
  return names.length === others.length ? names : [...others, 'sms-confirm'];
}

/** What runs is not wanted any more: a call under way ends. The number stays as it was typed. */
export function giveUpProof(purpose: ValidationPurpose): void {
  const draft = draftOf(purpose);
  const { validation, startedAt: _, ...rest } = draft.value;
  if (!validation) return;
  draft.value = rest;
  // Without an answer it ends by itself in a few minutes.
  void api.giveUp(validation.id).catch(() => undefined);
}

/**
 * Begins a validation in one way; what ran before is given up.
 * @throws ApiError
 */
export async function startProof(purpose: ValidationPurpose, mechanism: MechanismName): Promise<Validation> {
  const draft = draftOf(purpose).value;
  const { number, region, carrierId } = draft;
  const validation = await api.startValidation({
    number: draft.options?.number ?? number,
    region,
    purpose,
    mechanism,
    language: language.value,
    ...(carrierId ? { carrierId } : {}),
  });
  // Only now: when no other can be begun, the person goes on with the one that runs.
  if (draft.validation) void api.giveUp(draft.validation.id).catch(() => undefined);
  changeDraft(purpose, { validation, startedAt: Date.now() });
  return validation;
}

/** What this browser began and an SMS with a link may end, perhaps in another tab. */
interface Begun {
  id: string;
  purpose: ValidationPurpose;
  /** Route of the flow. */
  at: string[];
  number: string;
  expiresAt: number;
}

const begunKey = 'ringthrough.confirm';

function readBegun(): Begun[] {
  try {
    const kept = JSON.parse(localStorage.getItem(begunKey) ?? '[]') as Begun[];
    return kept.filter((begun) => begun.expiresAt > Date.now());
  } catch {
    return [];
  }
}

export function rememberBegun(begun: Begun): void {
  const others = readBegun().filter(({ id }) => id !== begun.id);
  localStorage.setItem(begunKey, JSON.stringify([...others, begun]));
}

/** Only what was begun here may be ended here: a link that somebody else sent must not prove anything for him. */
export function findBegun(id: string): Begun | undefined {
  return readBegun().find((begun) => begun.id === id);
}

/**
 * Exchanges the link of an SMS for the proof and puts it where the flow finds it.
 * @returns where to go on; undefined when this browser did not begin it
 * @throws ApiError
 */
export async function confirmByLink(id: string, token: string): Promise<string[] | undefined> {
  const begun = findBegun(id);
  if (!begun) return undefined;
  const { proof } = await api.checkCode(id, token);
  changeDraft(begun.purpose, { number: begun.number, proof });
  return [...begun.at, 'proved'];
}

export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}
