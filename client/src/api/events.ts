/** The types of `FabricEvents` that concern an account. */
const eventTypes = [
  'account.changed',
  'device.registered',
  'device.removed',
  'device.unregistered',
  'call.changed',
  'voicemail.stored',
  'voicemail.changed',
  'account.notice',
] as const;

export type EventType = (typeof eventTypes)[number];

let source: EventSource | undefined;
let reopen: (() => void) | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
const retryMs = 2000;

/**
 * Follows the server's events. `onOpen` comes with every new connection: what happened in between is unknown, so
 * everything has to be fetched anew.
 */
export function openEvents(onEvent: (type: EventType) => void, onOpen: () => void): void {
  closeEvents();
  reopen = () => openEvents(onEvent, onOpen);
  const opened = new EventSource('/api/events');
  source = opened;
  for (const type of eventTypes) opened.addEventListener(type, () => onEvent(type));
  opened.onopen = onOpen;
  opened.onerror = () => {
    // A broken connection is retried by the browser; an HTTP error (a server that restarts) is given up by it.
    if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
    // Fetching tells whether the session is over.
    onOpen();
    retry = setTimeout(() => reopen?.(), retryMs);
  };
}

/** The server is known to be within reach again: do not wait for the next attempt. */
export function pokeEvents(): void {
  if (source && source.readyState !== EventSource.OPEN) reopen?.();
}

export function closeEvents(): void {
  reopen = undefined;
  clearTimeout(retry);
  source?.close();
  source = undefined;
}
