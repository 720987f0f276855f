import { computed, effect, signal } from '@preact/signals';
import { ApiError, api, whenUnauthenticated } from '../api/client.ts';
import { closeEvents, openEvents, pokeEvents } from '../api/events.ts';
import type { LoginResult, SipCredentials } from '../api/types.ts';
import { phoneState, startPhone, stopPhone } from '../phone/index.ts';
import { clearAll, refreshAll, refreshFor, resources } from './data.ts';
import { go } from './router.ts';

/** `unknown` until the server has answered whether the cookie is still good. */
export type SessionStatus = 'unknown' | 'in' | 'out';

export const sessionStatus = signal<SessionStatus>('unknown');

/** The session ended without the person asking for it on this device: they are told. */
export const signedOutUnasked = signal(false);

/** The SIP credentials of this browser profile's device live here; the session itself is an HttpOnly cookie. */
const storageKey = 'ringthrough.device';

function readDeviceKey(): SipCredentials | undefined {
  try {
    return JSON.parse(localStorage.getItem(storageKey) ?? 'null') ?? undefined;
  } catch {
    // Damaged: as good as lost.
    return undefined;
  }
}

/** After sign-up or login. */
export function enter(result: LoginResult): void {
  localStorage.setItem(storageKey, JSON.stringify(result.sip));
  signedOutUnasked.value = false;
  resources.account.set(result.account);
  begin();
  go('home');
}

/** At the start of the page: is there a session from before? */
export async function resume(): Promise<void> {
  const before = readDeviceKey();
  // Without its key the device cannot ring, session or not: the person logs in, which makes a new one.
  if (!before) {
    leave();
    return;
  }
  try {
    resources.account.set(await api.account());
    begin();
  } catch (error) {
    const offline = error instanceof ApiError && (error.status === 0 || error.status >= 500);
    // Without a network the app opens with what it has and goes on trying.
    if (offline) {
      begin();
      void refreshAll();
    } else leaveUnasked();
  }
}

export async function logOut(): Promise<void> {
  stopPhone();
  try {
    await api.logOut();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The session is gone or the network is: this device forgets its key either way.
  }
  leave();
  go();
}

/** The account is gone, and this device with it. */
export function accountClosed(): void {
  leave();
  // The phone may have heard of it before this page did.
  signedOutUnasked.value = false;
  go();
}

function begin(): void {
  const sip = readDeviceKey();
  sessionStatus.value = 'in';
  if (sip) void startPhone(sip);
  openEvents(refreshFor, () => void refreshAll());
}

function leave(): void {
  stopPhone();
  closeEvents();
  clearAll();
  localStorage.removeItem(storageKey);
  sessionStatus.value = 'out';
}

/** The server ended the session: signed out from another device, or expired. */
function leaveUnasked(): void {
  leave();
  signedOutUnasked.value = true;
}

/** Watches for the session's end, here or in another tab of this profile. Called once by `main.tsx`. */
export function watchSession(): void {
  // Refused: the registrar knows this device no more, so the session may have ended as well.
  effect(() => {
    const { connection } = phoneState.value;
    if (connection === 'refused') void resources.account.refresh();
    if (connection === 'registered') pokeEvents();
  });
  whenUnauthenticated(() => {
    if (sessionStatus.value === 'in') leaveUnasked();
  });
  addEventListener('storage', (event) => {
    if (event.key !== storageKey || event.newValue === event.oldValue) return;
    if (event.newValue === null) leave();
    else location.reload();
  });
}

export const primaryNumber = computed(
  () => resources.account.value.value?.numbers.find((number) => number.primary)?.number,
);
