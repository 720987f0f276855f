import { formatNumber } from '../format/number.ts';
import { texts } from '../texts/index.ts';
import { ring, silence } from './ringtone.ts';
import type { Call, PhoneState } from './state.ts';
import { isLive } from './state.ts';

let ringingFor: string | undefined;
let shown: { id: string; close: () => void } | undefined;
const product = 'Ringthrough';
/** Of the screen, while nobody calls. */
let screenTitle = product;
let ringingTitle: string | undefined;

/** Names the screen that is shown; a call that rings is told first. */
export function titleScreen(title: string): void {
  screenTitle = title ? `${title} – ${product}` : product;
  document.title = ringingTitle ?? screenTitle;
}

/** Rings, vibrates, and tells through the title and a notification, as the state demands. Idempotent. */
export function alertFor(state: PhoneState): void {
  const ringing = state.calls.filter((call) => call.phase === 'ringing');
  const busy = state.calls.some((call) => isLive(call) && call.phase !== 'ringing');
  const wanted = ringing[0] ? `${ringing[0].id} ${busy}` : undefined;
  if (wanted !== ringingFor) {
    ringingFor = wanted;
    if (wanted) ring(busy ? 'waiting' : 'full');
    else silence();
  }
  const first = ringing[0];
  ringingTitle = first && texts.ringing.title(callerName(first));
  document.title = ringingTitle ?? screenTitle;
  if (!first || shown?.id !== first.id) closeNotification();
  if (first && !shown && document.hidden) notify(first);
}

/** What a person calls the caller by. */
export function callerName(call: Pick<Call, 'peer' | 'peerName'>): string {
  return call.peerName ?? (call.peer ? formatNumber(call.peer) : texts.common.privateNumber);
}

function closeNotification(): void {
  shown?.close();
  shown = undefined;
}

function notify(call: Call): void {
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  const title = texts.ringing.title(callerName(call));
  const options: NotificationOptions = {
    body: call.called ? texts.ringing.toNumber(formatNumber(call.called)) : texts.ringing.incoming,
    icon: '/icon-192.png',
    tag: 'ringing',
    requireInteraction: true,
    silent: false,
    lang: document.documentElement.lang,
  };
  const id = call.id;
  try {
    const notification = new Notification(title, options);
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    shown = { id, close: () => notification.close() };
  } catch {
    // Android has notifications through the service worker only.
    shown = { id, close: () => void closeThroughWorker() };
    void navigator.serviceWorker
      ?.getRegistration()
      .then((worker) => worker?.showNotification(title, options));
  }
}

async function closeThroughWorker(): Promise<void> {
  const worker = await navigator.serviceWorker?.getRegistration();
  for (const notification of (await worker?.getNotifications({ tag: 'ringing' })) ?? []) notification.close();
}
