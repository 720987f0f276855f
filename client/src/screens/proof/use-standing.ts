import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../../api/client.ts';
import type { Standing } from '../../api/types.ts';
import { isGone } from '../../state/proving.ts';

/** Between two attempts when the service cannot be reached. */
const pauseMs = 2000;

const over: Standing = { state: 'expired', detail: null, attemptsLeft: 0 };

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, pauseMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Follows a validation by long poll until it is decided. */
export function useStanding(id: string): ReadonlySignal<Standing | undefined> {
  const standing = useSignal<Standing | undefined>(undefined);
  useEffect(() => {
    const gone = new AbortController();
    const follow = async () => {
      while (!gone.signal.aborted) {
        try {
          const next = await api.standing(id, standing.value?.detail ?? null, gone.signal);
          if (gone.signal.aborted) return;
          standing.value = next;
          if (next.state !== 'pending') return;
        } catch (error) {
          if (gone.signal.aborted) return;
          if (isGone(error)) {
            standing.value = over;
            return;
          }
          await pause(gone.signal);
        }
      }
    };
    standing.value = undefined;
    void follow();
    return () => gone.abort();
  }, [id, standing]);
  return standing;
}
