import type { SmppLinkState } from '@ringthrough/smpp';
import type { Logger } from '../../log.ts';

/** Says in the log, once, when a connection is gone, when that has become serious, and when it is back. */
export class LinkAlarm {
  readonly #log: Logger;
  readonly #alarmAfterMs: number;
  #state: 'new' | 'up' | 'down' = 'new';
  #refused = false;
  #downAt = Date.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { log: Logger; alarmAfterMs: number }) {
    this.#log = options.log;
    this.#alarmAfterMs = options.alarmAfterMs;
  }

  note(state: SmppLinkState): void {
    if (state.state === 'up') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      const downMs = this.#state === 'down' ? Date.now() - this.#downAt : 0;
      this.#log.info({ downMs }, 'bound to the SMS centre');
      this.#state = 'up';
      this.#refused = false;
      return;
    }
    const { why, retryInMs } = state;
    // A wrong password does not mend itself.
    if (state.refused && !this.#refused) this.#log.error({ why }, 'the SMS centre lets us not in: SMS wait');
    this.#refused = state.refused;
    if (this.#state === 'down') return;
    this.#log.warn({ why, retryInMs }, 'no connection to the SMS centre');
    this.#state = 'down';
    this.#downAt = Date.now();
    this.#timer = setTimeout(() => {
      const downMs = Date.now() - this.#downAt;
      this.#log.error({ why, downMs }, 'the SMS centre has been out of reach for a while: SMS wait');
    }, this.#alarmAfterMs);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
