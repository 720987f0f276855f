import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import {
  type BindMode,
  type PduFields,
  SmppClient,
  SmppLinkError,
  type SmppLinkState,
  type SmppSession,
  statusName,
  textField,
  verdictOf,
} from '@ringthrough/smpp';
import type { SmppConfig } from '../../config.ts';
import type { Logger } from '../../log.ts';
import type { Sms, SmsCarrier, SmsCarrierStats, SmsProgress, SmsResult } from './carrier.ts';
import { LinkAlarm } from './link-alarm.ts';
import { Pace } from './pace.ts';
import type { SmppIncoming } from './smpp-incoming.ts';
import { smppParts } from './smpp-message.ts';

export interface SmppCarrierOptions {
  carrierId: string;
  country: string;
  config: SmppConfig;
  /** E.164, a short code, or a name. */
  from: string;
  /** How long the SMS centre is to try at most. */
  validityMs: number;
  incoming: SmppIncoming;
  log: Logger;
  alarmAfterMs: number;
  now?: () => number;
}

/** On the way down, answers that are under way are waited for, so that nothing is sent twice. */
const lastAnswersMs = 2000;

/** SMS over SMPP 3.4: one connection for both ways, or one for each. */
export class SmppCarrier implements SmsCarrier {
  readonly #options: SmppCarrierOptions;
  readonly #now: () => number;
  readonly #pace: Pace;
  readonly #links: ReadonlyArray<{ client: SmppClient; alarm: LinkAlarm; sends: boolean }>;
  #wake: () => void = () => {};
  #pauseTimer: NodeJS.Timeout | undefined;
  #throttled = 0;

  constructor(options: SmppCarrierOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const { config } = options;
    this.#pace = new Pace({
      window: config.window,
      intervalMs: config.messagesPerSecond === undefined ? 0 : 1000 / config.messagesPerSecond,
      firstPauseMs: config.throttledSeconds * 1000,
      maxPauseMs: config.maxThrottledSeconds * 1000,
    });
    this.#links = modesOf(config).map((mode) => this.#link(mode));
  }

  get ready(): boolean {
    return this.#session !== undefined && this.#pace.pause(this.#now()) === 0;
  }

  get parallel(): number {
    return this.#pace.window;
  }

  start(wake: () => void): void {
    this.#wake = wake;
    for (const { client } of this.#links) client.start();
  }

  /** Every connection that is configured is bound. */
  stats(): SmsCarrierStats {
    return {
      up: this.#links.every(({ client }) => client.session !== undefined),
      throttled: this.#throttled,
    };
  }

  async close(): Promise<void> {
    clearTimeout(this.#pauseTimer);
    await Promise.all(
      this.#links.map(({ client, alarm }) => {
        alarm.close();
        return client.close();
      }),
    );
  }

  async send(sms: Sms, progress: SmsProgress, signal: AbortSignal): Promise<SmsResult> {
    const { config, from, country, validityMs } = this.#options;
    const addressing = { config, from, country };
    const plan = smppParts(sms, { addressing, config, now: this.#now(), validityMs });
    if ('why' in plan) return { result: 'rejected', why: plan.why };
    const all = plan.parts.map((fields, index) => ({ fields, part: index + 1, parts: plan.parts.length }));
    // What was taken when the message was cut in another way (the settings changed) helps nobody.
    const missing = all.filter(
      ({ part, parts }) => !progress.taken.some((one) => one.part === part && one.parts === parts),
    );
    const session = this.#session;
    if (missing.length > 0 && !session) return { result: 'later', why: 'not bound', retryInMs: 0 };
    const patience = patienceOf(signal);
    try {
      return await this.#submitAll(missing, { session, progress, signal, patience: patience.signal });
    } catch (error) {
      // The database did not take note; the part may be sent again.
      return { result: 'later', why: (error as Error).name };
    } finally {
      patience.stop();
    }
  }

  get #session(): SmppSession | undefined {
    return this.#links.find(({ sends }) => sends)?.client.session;
  }

  /** In order; none after the first that was not taken. */
  async #submitAll(
    missing: ReadonlyArray<{ fields: PduFields; part: number; parts: number }>,
    { session, progress, signal, patience }: Submission,
  ): Promise<SmsResult> {
    let failed: SmsResult | undefined;
    const work: Promise<void>[] = [];
    for (const { fields, part, parts } of missing) {
      const waitMs = this.#pace.take(this.#now());
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) failed ??= { result: 'later', why: 'closing' };
      if (failed || !session) break;
      const note = async () => {
        const answer = await this.#submit(session, fields, patience);
        if ('result' in answer) failed ??= answer.result;
        else await progress.took({ part, parts, providerId: answer.providerId });
      };
      work.push(note());
    }
    const noted = await Promise.allSettled(work);
    const lost = noted.find((one) => one.status === 'rejected');
    if (lost) throw lost.reason;
    return failed ?? { result: 'accepted' };
  }

  async #submit(
    session: SmppSession,
    fields: PduFields,
    patience: AbortSignal,
  ): Promise<{ providerId: string | undefined } | { result: SmsResult }> {
    try {
      const answer = await session.submit('submit_sm', fields, patience);
      const verdict = verdictOf(answer.status);
      const why = statusName(answer.status);
      if (verdict === 'throttled') return { result: this.#slowDown(why) };
      if (verdict === 'temporary') return { result: { result: 'later', why } };
      if (verdict === 'permanent') return { result: { result: 'rejected', why } };
      this.#pace.taken(this.#now());
      return { providerId: textField(answer, 'message_id') || undefined };
    } catch (error) {
      if (!(error instanceof SmppLinkError))
        return { result: { result: 'rejected', why: (error as Error).name } };
      // It may be the message that ends connections: it waits longer each time, and lets others go first.
      return { result: { result: 'later', why: `no answer: ${error.code}` } };
    }
  }

  #slowDown(why: string): SmsResult {
    this.#throttled += 1;
    const retryInMs = this.#pace.throttled(this.#now());
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => this.#wake(), retryInMs + 1);
    return { result: 'later', why, retryInMs };
  }

  #link(mode: BindMode): { client: SmppClient; alarm: LinkAlarm; sends: boolean } {
    const { carrierId, config, incoming, log, alarmAfterMs } = this.#options;
    const alarm = new LinkAlarm({ log: log.child({ carrierId, bind: mode }), alarmAfterMs });
    const client = new SmppClient({
      host: config.host,
      port: config.port,
      ...(config.tls ? { tls: () => tlsOptions(config.tls) } : {}),
      mode,
      systemId: config.systemId,
      password: config.password,
      systemType: config.systemType,
      addressRange: config.addressRange,
      answerMs: config.answerSeconds * 1000,
      enquireLinkMs: config.enquireLinkSeconds * 1000,
      window: config.window,
      firstReconnectMs: config.firstReconnectSeconds * 1000,
      maxReconnectMs: config.maxReconnectSeconds * 1000,
      onRequest: (pdu, link) => incoming.take(pdu, link),
      onState: (state: SmppLinkState) => {
        alarm.note(state);
        if (state.state === 'up') this.#wake();
      },
    });
    return { client, alarm, sends: mode !== 'receiver' };
  }
}

interface Submission {
  session: SmppSession | undefined;
  progress: SmsProgress;
  signal: AbortSignal;
  patience: AbortSignal;
}

function modesOf({ bind }: SmppConfig): BindMode[] {
  return bind === 'transmitter-receiver' ? ['transmitter', 'receiver'] : [bind];
}

/** Read anew at every connection: certificates are renewed. */
function tlsOptions(tls: SmppConfig['tls']): ConnectionOptions {
  const { ca, cert, key, serverName } = tls ?? {};
  return {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** Ends a while after `signal`. */
function patienceOf(signal: AbortSignal): { signal: AbortSignal; stop: () => void } {
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(() => patience.abort(), lastAnswersMs);
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return {
    signal: patience.signal,
    stop: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', begin);
    },
  };
}
