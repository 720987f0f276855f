import { setTimeout as delay } from 'node:timers/promises';

const stepMs = 10;

/** Asks until there is an answer. @throws Error naming what did not come in time. */
export async function eventually<T>(
  what: string,
  limitMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms.`);
    await delay(stepMs);
  }
}

/** Waits for a promise that might never settle. @throws Error naming what did not come in time. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  const late = Symbol('late');
  const stop = new AbortController();
  try {
    const first = await Promise.race([promise, delay(limitMs, late, { signal: stop.signal })]);
    if (first === late) throw new Error(`${what}: not within ${limitMs} ms.`);
    return first as T;
  } finally {
    stop.abort();
  }
}
