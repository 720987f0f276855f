import type { CallView, HandsetView } from '@ringthrough/lab';
import { until } from './process.ts';
import type { Ringthrough } from './ringthrough.ts';

/** A handset of the lab, through its REST interface. */
export class LabHandset {
  readonly number: string;
  readonly #server: Ringthrough;

  constructor(server: Ringthrough, number: string) {
    this.#server = server;
    this.number = number;
  }

  view(): Promise<HandsetView> {
    return this.#ask('GET', '');
  }

  setCoverage(coverage: 'covered' | 'no-coverage' | 'off'): Promise<unknown> {
    return this.#ask('PUT', '/coverage', { coverage });
  }

  async dial(number: string): Promise<LabCall> {
    const { call } = await this.#ask<{ call: CallView }>('POST', '/dial', { number });
    return new LabCall(this.#server, call.id);
  }

  say(what: { prompt: string } | { toneHz: number; durationMs: number }): Promise<{ durationMs: number }> {
    return this.#ask('POST', '/speak', what);
  }

  /** Says one of the lab's sentences; resolves with its length when it has been said. */
  async sayToTheEnd(prompt: string): Promise<number> {
    const { durationMs } = await this.say({ prompt });
    const begun = performance.now();
    await until(() => performance.now() - begun > durationMs, { timeoutMs: durationMs + 1000 });
    return durationMs;
  }

  hangUp(): Promise<unknown> {
    return this.#ask('POST', '/hangup', {});
  }

  #ask<T>(method: string, path: string, body?: object): Promise<T> {
    return askLab(this.#server, method, `handsets/${this.number}${path}`, body);
  }
}

/** A call that a handset of the lab has placed. */
export class LabCall {
  readonly id: string;
  readonly #server: Ringthrough;

  constructor(server: Ringthrough, id: string) {
    this.#server = server;
    this.id = id;
  }

  view(): Promise<CallView> {
    return askLab(this.#server, 'GET', `calls/${this.id}`);
  }

  /** Waits until the call is as wanted; fails when it ended instead. */
  async becomes(what: string, wanted: (call: CallView) => boolean, timeoutMs = 15_000): Promise<CallView> {
    let last: CallView | undefined;
    return until(
      async () => {
        last = await this.view();
        if (wanted(last)) return last;
        return last.state === 'ended' ? new Error('the call ended') : undefined;
      },
      { timeoutMs, describe: () => `the call never came to: ${what}; it was ${JSON.stringify(last)}` },
    );
  }

  /** Waits until the caller heard this tone begin so many times (the lab tells tones apart in steps of 50 Hz). */
  async hears(hz: number, times = 2): Promise<void> {
    await this.becomes(`${hz} Hz heard`, ({ callerHears }) => {
      return callerHears.tones.filter((tone) => tone.hz === hz).length >= times;
    });
  }

  async ended(): Promise<CallView> {
    return this.becomes('ended', ({ state }) => state === 'ended');
  }
}

async function askLab<T>(server: Ringthrough, method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${server.url}/lab/api/${path}`, {
    method,
    ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`lab ${method} ${path}: ${answer.status} ${text}`);
  return (text ? JSON.parse(text) : undefined) as T;
}
