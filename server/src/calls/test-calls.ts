import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@ringthrough/sip';
import type { Language } from '../config.ts';
import type { Logger } from '../log.ts';
import type { MediaPlane } from '../media/index.ts';
import type { DeviceAddress } from '../registration/index.ts';
import { newId } from '../store/index.ts';
import type { Inviter } from './device-leg.ts';
import { type TestCallState, testCall } from './test-call.ts';

export interface TestCallsOptions {
  inviter: Inviter;
  media: MediaPlane;
  clock: Clock;
  log: Logger;
  /** Where the devices of an account are. */
  available(accountId: string): readonly DeviceAddress[];
  domain: string;
  ringTimeoutMs: number;
}

interface Running {
  state: TestCallState;
  over: boolean;
  ended: AbortController;
}

/** What a softphone shows as the caller. */
const displayName = 'Ringthrough';
/** How long the end of a test call is known to whoever asks. */
const rememberedMs = 120_000;

const prompt = (language: Language) => ({
  parts: [
    { silenceMs: 800 },
    { file: fileURLToPath(new URL(`../../prompts/${language}/phrases/test.wav`, import.meta.url)) },
    { silenceMs: 400 },
  ],
});

/** The test calls that people have placed to their softphones: one at a time for each. */
export class TestCalls {
  readonly #options: TestCallsOptions;
  readonly #calls = new Map<string, Running>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #timers = new Set<unknown>();
  #closed = false;

  constructor(options: TestCallsOptions) {
    this.#options = options;
  }

  /** Rings the softphone, unless it is being rung already. What becomes of it is asked for with `state`. */
  start(accountId: string, deviceId: string, language: Language): TestCallState {
    const before = this.#calls.get(deviceId);
    if (before && !before.over) return before.state;
    const device = this.#options.available(accountId).find((address) => address.deviceId === deviceId);
    const call: Running = { state: 'calling', over: false, ended: new AbortController() };
    this.#calls.set(deviceId, call);
    if (!device || this.#closed) this.#settle(deviceId, call, 'failed');
    else void this.#place(call, device, language);
    return call.state;
  }

  /** How the last one stands; waits for another state than `seen`. Undefined when there was none lately. */
  async state(
    deviceId: string,
    wait: { seen: TestCallState | undefined; ms: number; signal: AbortSignal },
  ): Promise<TestCallState | undefined> {
    const call = this.#calls.get(deviceId);
    if (!call || call.over || call.state !== wait.seen || wait.ms === 0) return call?.state;
    const signal = AbortSignal.any([wait.signal, AbortSignal.timeout(wait.ms)]);
    // Nothing happened in that time: it is as it was.
    await once(this.#changes, deviceId, { signal }).catch(() => undefined);
    return call.state;
  }

  /** Hangs up all. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { ended } of this.#calls.values()) ended.abort();
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer);
    this.#calls.clear();
  }

  async #place(call: Running, device: DeviceAddress, language: Language): Promise<void> {
    const { inviter, media, clock, log, domain, ringTimeoutMs } = this.#options;
    const { deviceId } = device;
    const state = await testCall({
      callId: newId(),
      device,
      inviter,
      media,
      clock,
      domain,
      displayName,
      says: prompt(language),
      ringTimeoutMs,
      signal: call.ended.signal,
      tell: (state) => this.#change(deviceId, call, state),
    }).catch((error: unknown): TestCallState => {
      log.warn({ err: error, deviceId }, 'test call could not be placed');
      return 'failed';
    });
    log.info({ deviceId, state }, 'test call is over');
    this.#settle(deviceId, call, state);
  }

  #settle(deviceId: string, call: Running, state: TestCallState): void {
    call.over = true;
    this.#change(deviceId, call, state);
    if (this.#closed) return;
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#calls.get(deviceId) === call) this.#calls.delete(deviceId);
    }, rememberedMs);
    this.#timers.add(timer);
  }

  #change(deviceId: string, call: Running, state: TestCallState): void {
    call.state = state;
    this.#changes.emit(deviceId);
  }
}
