import { signal } from '@preact/signals';
import type { SipCredentials } from '../api/types.ts';
import { texts } from '../texts/index.ts';
import { alertFor } from './alert.ts';
import { watchMicrophone } from './microphone.ts';
import { reduce } from './reducer.ts';
import { unlockSound } from './ringtone.ts';
import type { SipAgent } from './sip-agent.ts';
import type { Effect, PhoneInput, PhoneState } from './state.ts';
import { initialState, isLive } from './state.ts';

/** How long the end of a call stays on the screen. */
const farewellMs = 3500;

export const phoneState = signal<PhoneState>(initialState);

let agent: SipAgent | undefined;
let credentialsInUse: SipCredentials | undefined;
const queue: PhoneInput[] = [];
let draining = false;
/** The connection was closed because the page stopped. */
let left = false;

/** The only way to change the phone's state. Inputs that arrive while one is worked on wait for their turn. */
export function dispatch(input: PhoneInput): void {
  queue.push(input);
  if (draining) return;
  draining = true;
  try {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const step = reduce(phoneState.value, next);
      phoneState.value = step.state;
      alertFor(step.state);
      for (const effect of step.effects) perform(effect);
    }
  } finally {
    draining = false;
  }
}

function perform(effect: Effect): void {
  if (effect.do === 'dismiss-later')
    setTimeout(() => dispatch({ type: 'dismiss', id: effect.id }), farewellMs);
  else agent?.perform(effect);
}

/** Registers this device and keeps it registered until {@link stopPhone}. */
export async function startPhone(credentials: SipCredentials): Promise<void> {
  if (credentialsInUse) return;
  credentialsInUse = credentials;
  // A page that was frozen before anybody had logged in has left nothing: it must not end a call when it resumes.
  left = false;
  dispatch({ type: 'started', online: navigator.onLine });
  void watchMicrophone();
  // JsSIP is the larger part of the bundle; the first screen does not wait for it.
  const { SipAgent } = await import('./sip-agent.ts');
  if (credentialsInUse !== credentials) return;
  agent = new SipAgent(credentials, dispatch);
  agent.start();
}

export function stopPhone(): void {
  dispatch({ type: 'stopped' });
  agent?.stop();
  agent = undefined;
  credentialsInUse = undefined;
}

/** Calls the server's echo, so that the person hears how they sound. */
export function startAudioTest(): void {
  unlockSound();
  void agent?.call('echo', texts.audioTest.name);
}

export function sendTone(id: string, tone: string): void {
  agent?.sendTone(id, tone);
}

function online(): void {
  dispatch({ type: 'network', online: true });
  agent?.poke();
}

function offline(): void {
  dispatch({ type: 'network', online: false });
  agent?.drop();
}

function leave(): void {
  left = true;
  agent?.leave();
}

/** The page runs again. */
function comeBack(): void {
  const credentials = credentialsInUse;
  if (!left) agent?.poke();
  if (!left || !credentials) return;
  stopPhone();
  void startPhone(credentials);
}

/** Watches the system: network, visibility, the page's end. Called once by `main.tsx`. */
export function watchSystem(): void {
  addEventListener('online', online);
  addEventListener('offline', offline);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) alertFor(phoneState.value);
    else agent?.poke();
  });
  addEventListener('pointerdown', unlockSound, { once: true });
  addEventListener('keydown', unlockSound, { once: true });
  addEventListener('pagehide', leave);
  addEventListener('pageshow', (event) => {
    if (event.persisted) comeBack();
  });
  // The browser would keep the connection of a frozen tab open, which can neither ring nor say so.
  document.addEventListener('freeze', () => {
    if (!phoneState.value.calls.some(isLive)) leave();
  });
  document.addEventListener('resume', comeBack);
  addEventListener('beforeunload', (event) => {
    if (phoneState.value.calls.some((call) => isLive(call) && call.phase !== 'ringing'))
      event.preventDefault();
  });
}
