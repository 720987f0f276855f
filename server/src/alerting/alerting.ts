import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SmsGateway } from '../carrier/index.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { RecordingResult } from '../media/index.ts';
import { newId, type Store } from '../store/index.ts';
import { MessageFiles, type MessageNote } from './message-files.ts';
import { type TakeMessageSettings, takeMessage } from './take-message.ts';
import type { AlertingResult, HandOver, HandOverReason, MissedCall } from './types.ts';
import { type Voicemail, Voicemails } from './voicemails.ts';

/** Spoken when the configuration names no greeting. */
export const defaultGreetingFile = fileURLToPath(new URL('../../prompts/en/greeting.wav', import.meta.url));

const beep = { toneHz: 1000, durationMs: 400 };
const messageFolder = 'voicemail';

export interface AlertingOptions {
  store: Store;
  fabric: Fabric;
  log: Logger;
  /** Unix milliseconds. */
  now: () => number;
  sms: Pick<SmsGateway, 'enqueue' | 'wake'>;
  /** Is any device of the account registered? If not, the person is told by SMS. */
  isReachable: (accountId: string) => Promise<boolean>;
  /** Messages are kept in its folder `voicemail`. */
  dataDir: string;
  greetingFile?: string | undefined;
  maxMessageMs: number;
  maxSilenceMs: number;
  /** Less voice than this is a hang-up, not a message. */
  minVoiceMs: number;
  maxMessagesPerAccount: number;
}

/**
 * What the caller's switch is told when no message is taken: status and Q.850 cause as RFC 3398 section 8.2.6.1 pairs
 * them. Not 5xx for `failed`, which a switch would try again by another route, and ring everybody once more.
 */
const unanswered: Readonly<Record<HandOverReason, { status: number; reason: string }>> = {
  nobody: { status: 480, reason: 'Q.850;cause=20;text="Subscriber absent"' },
  timeout: { status: 480, reason: 'Q.850;cause=19;text="No answer"' },
  declined: { status: 603, reason: 'Q.850;cause=21;text="Call rejected"' },
  busy: { status: 486, reason: 'Q.850;cause=17;text="User busy"' },
  failed: { status: 480, reason: 'Q.850;cause=27;text="Destination out of order"' },
};

/** The alerting server: voicemail, missed-call alert, and telling the person (R-VM, R-MCA, R-NOTIFY, R-VM-LISTEN). */
export class Alerting {
  readonly #options: AlertingOptions;
  readonly #files: MessageFiles;
  readonly #voicemails: Voicemails;
  readonly #settings: TakeMessageSettings;

  constructor(options: AlertingOptions) {
    this.#options = options;
    this.#files = new MessageFiles(resolve(options.dataDir, messageFolder));
    this.#voicemails = new Voicemails(options.store);
    this.#settings = {
      greetingFile: options.greetingFile ?? defaultGreetingFile,
      beep,
      maxMessageMs: options.maxMessageMs,
      maxSilenceMs: options.maxSilenceMs,
    };
  }

  /**
   * Before the first call, and before the open calls of the last process are closed: stores the messages that it
   * was recording when it died. @returns how many
   */
  async start(): Promise<number> {
    await this.#files.prepare();
    let stored = 0;
    for (const { note, audio } of await this.#files.leftOver()) {
      if (await this.#voicemails.has(note.id)) await this.#files.settle(note.id);
      else if (await this.#recover(note, audio)) stored += 1;
    }
    await this.discard();
    return stored;
  }

  /**
   * Takes the carrier's leg of a call that nobody took, until it is over. The leg's media stays the owner's to close.
   * A message is durable when this resolves; `announce` then tells the person.
   * @throws when the disk or the database fails; the audio is then left for `start` to find
   */
  async takeCall(call: HandOver): Promise<AlertingResult> {
    const { session } = call.carrier;
    const full = (await this.#voicemails.count(call.accountId)) >= this.#options.maxMessagesPerAccount;
    if (call.answerMode === 'mca' || full) {
      if (full) this.#options.log.warn({ accountId: call.accountId }, 'mailbox is full');
      const { status, reason } = unanswered[call.reason];
      session.reject(status, { headers: [['Reason', reason]] });
      return this.#missedResult(call, undefined);
    }
    return this.#record(call);
  }

  /** A missed-call alert: by SMS when no device is there to show it. */
  async missed(call: MissedCall): Promise<void> {
    if (call.answerMode === 'voicemail') return;
    try {
      const text = `You missed a call from ${nameOf(call.calling)}.`;
      await this.#tell(this.#options.store, call, text);
      this.#options.sms.wake();
    } catch (error) {
      this.#options.log.error({ err: error, callId: call.callId }, 'cannot tell a person of a missed call');
    }
  }

  /** Newest first. */
  async voicemails(accountId: string): Promise<Voicemail[]> {
    return this.#voicemails.list(accountId);
  }

  /** How many messages are new, and how many were heard. */
  messageCounts(accountId: string): Promise<{ new: number; old: number }> {
    return this.#voicemails.counts(accountId);
  }

  /** Absolute path of the WAV file; undefined when the account has no such message. */
  async voicemailAudio(accountId: string, voicemailId: string): Promise<string | undefined> {
    const known = await this.#voicemails.isOf(accountId, voicemailId);
    return known ? this.#files.path(voicemailId) : undefined;
  }

  /** False when the account has no such message. */
  async markHeard(accountId: string, voicemailId: string, heard = true): Promise<boolean> {
    const done = await this.#voicemails.setHeard(accountId, voicemailId, heard ? this.#options.now() : null);
    if (done) this.#options.fabric.publish('voicemail.changed', { accountId, voicemailId });
    return done;
  }

  /** Deletes the audio of messages whose rows went with their account. */
  async discard(): Promise<void> {
    for (const id of await this.#voicemails.discarded()) {
      await this.#files.discard(id);
      await this.#voicemails.forget(id);
    }
  }

  /** Row and audio. False when the account has no such message. */
  async delete(accountId: string, voicemailId: string): Promise<boolean> {
    const done = await this.#voicemails.delete(accountId, voicemailId);
    if (!done) return false;
    await this.#files.discard(voicemailId);
    this.#options.fabric.publish('voicemail.changed', { accountId, voicemailId });
    return true;
  }

  async #record(call: HandOver): Promise<AlertingResult> {
    const { now, log } = this.#options;
    const note: MessageNote = {
      id: newId(),
      accountId: call.accountId,
      number: call.number,
      calling: call.calling ?? null,
      callId: call.callId,
      startedAt: now(),
    };
    const { answeredAt, recording } = await takeMessage(call.carrier, this.#settings, {
      begin: () => this.#files.begin(note),
      now,
      greetingFailed: (error) => log.error({ err: error }, 'cannot play the greeting'),
    });
    if (!(await this.#store(note, recording))) return this.#missedResult(call, answeredAt);
    return {
      outcome: 'voicemail',
      answeredAt,
      announce: () => this.#announceMessage(note),
    };
  }

  /** File first, then row, then the note goes: at every moment a crash leaves a message or a recording to recover. */
  async #store(note: MessageNote, recording: RecordingResult | undefined): Promise<boolean> {
    if (recording === undefined) return false;
    if (recording.voiceMs < this.#options.minVoiceMs) {
      await this.#files.discard(note.id);
      return false;
    }
    await this.#files.keep(note.id);
    return this.#addRow(note, recording.durationMs);
  }

  /** Row and SMS in one transaction: a person with a message is told of it, once, whatever dies. */
  async #addRow(note: MessageNote, durationMs: number): Promise<boolean> {
    const { sms, now } = this.#options;
    const message = { durationMs, storedAt: now(), file: `${messageFolder}/${note.id}.wav` };
    const text = `You have a message from ${nameOf(note.calling)}.`;
    const added = await this.#voicemails.add(note, message, (store) => this.#tell(store, note, text));
    sms.wake();
    if (added) await this.#files.settle(note.id);
    else await this.#files.discard(note.id);
    return added;
  }

  async #recover(
    note: MessageNote,
    audio: { durationMs: number; voiceMs: number } | undefined,
  ): Promise<boolean> {
    if (audio === undefined || audio.voiceMs < this.#options.minVoiceMs) {
      await this.#files.discard(note.id);
      return false;
    }
    if (!(await this.#addRow(note, audio.durationMs))) return false;
    this.#announceMessage(note);
    return true;
  }

  #announceMessage({ id: voicemailId, accountId }: MessageNote): void {
    this.#options.fabric.publish('voicemail.stored', { accountId, voicemailId });
  }

  #missedResult(call: HandOver, answeredAt: number | undefined): AlertingResult {
    return { outcome: 'missed', answeredAt, announce: () => void this.missed(call) };
  }

  /** R-NOTIFY: by SMS only when no device is there; the outbox keeps it until the carrier has taken it. */
  async #tell(store: Store, about: { accountId: string; number: string }, text: string): Promise<void> {
    const { sms, isReachable } = this.#options;
    if (await isReachable(about.accountId)) return;
    const number = await store
      .selectFrom('numbers')
      .select('carrier_id')
      .where('e164', '=', about.number)
      .where('account_id', '=', about.accountId)
      .executeTakeFirst();
    if (number?.carrier_id) await sms.enqueue(store, number.carrier_id, about.number, text);
  }
}

function nameOf(calling: string | null | undefined): string {
  return calling ?? 'a withheld number';
}
