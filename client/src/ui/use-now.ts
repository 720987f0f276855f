import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** The time, twice a second, for timers on the screen. */
export function useNow(): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now();
    }, 500);
    return () => clearInterval(timer);
  }, [now]);
  return now.value;
}
