import { registerSW } from 'virtual:pwa-register';
import { pendingUpdate } from './state/update.ts';

const checkMs = 60 * 60 * 1000;

/**
 * Registers the service worker and looks for new versions. They are never taken by themselves: a page that was
 * reloaded and not touched since may not ring aloud.
 */
export function watchUpdates(): void {
  if (!('serviceWorker' in navigator)) return;
  const update = registerSW({
    immediate: true,
    onNeedRefresh() {
      pendingUpdate.value = () => void update(true);
    },
    onRegisteredSW(_url, registration) {
      if (registration) setInterval(() => void registration.update().catch(() => undefined), checkMs);
    },
  });
}
