import { useSignal } from '@preact/signals';
import { explain } from '../state/messages.ts';

/** Runs something that may fail, once at a time: `busy` while it runs, `error` with words when it failed. */
export function useAction() {
  const busy = useSignal(false);
  const error = useSignal<string | undefined>(undefined);
  return {
    busy,
    error,
    async run(action: () => Promise<void>): Promise<void> {
      if (busy.value) return;
      busy.value = true;
      error.value = undefined;
      try {
        await action();
      } catch (thrown) {
        error.value = explain(thrown);
      } finally {
        busy.value = false;
      }
    },
  };
}
