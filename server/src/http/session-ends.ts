import type { FastifyRequest } from 'fastify';
import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';

/** Ends what waits for long when the session of whoever waits ends. */
export class SessionEnds {
  readonly #waiting = new Map<string, Set<AbortController>>();
  readonly #unsubscribe: () => void;

  constructor(fabric: Fabric) {
    this.#unsubscribe = fabric.subscribe('device.removed', ({ deviceId }) => {
      for (const waiting of this.#waiting.get(deviceId) ?? []) waiting.abort();
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  /**
   * @param work ends soon after the signal
   * @throws Problem `not-logged-in` when the session ended meanwhile, and whatever `work` throws
   */
  async during<T>(request: FastifyRequest, work: (ended: AbortSignal) => Promise<T>): Promise<T> {
    const deviceId = request.session?.deviceId;
    const ended = new AbortController();
    if (deviceId === undefined) return work(ended.signal);
    const ofDevice = this.#waiting.get(deviceId) ?? new Set();
    this.#waiting.set(deviceId, ofDevice.add(ended));
    try {
      const result = await work(ended.signal);
      if (!ended.signal.aborted) return result;
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    } finally {
      ofDevice.delete(ended);
      if (ofDevice.size === 0) this.#waiting.delete(deviceId);
    }
    throw new Problem('not-logged-in', 'The session is over: log in again.');
  }
}
