import { registerSW } from 'virtual:pwa-register';
import { effect } from '@preact/signals';
import { isLive, phoneState } from './phone/index.ts';

const checkMs = 60 * 60 * 1000;

/** Registers the service worker. A new version is taken when no call is going on and the page is not looked at. */
export function watchUpdates(): void {
  if (!('serviceWorker' in navigator)) return;
  const update = registerSW({
    immediate: true,
    onNeedRefresh() {
      const stop = effect(() => {
        const idle = !phoneState.value.calls.some(isLive);
        if (!idle || !document.hidden) return;
        void update(true);
      });
      document.addEventListener('visibilitychange', () => {
        if (!document.hidden || phoneState.peek().calls.some(isLive)) return;
        stop();
        void update(true);
      });
    },
    onRegisteredSW(_url, registration) {
      if (registration) setInterval(() => void registration.update().catch(() => undefined), checkMs);
    },
  });
}
