import { signal } from '@preact/signals';

interface InstallPrompt extends Event {
  prompt(): Promise<void>;
  userChoice: Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

/** `ready`: the browser offers to install. `manual`: the person finds it in the browser's menu. */
export const installState = signal<'installed' | 'ready' | 'ios' | 'manual'>('manual');

let offered: InstallPrompt | undefined;

export function watchInstall(): void {
  const standalone = matchMedia('(display-mode: standalone)').matches;
  if (standalone) installState.value = 'installed';
  else if (/iPhone|iPad/.test(navigator.userAgent)) installState.value = 'ios';
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    offered = event as InstallPrompt;
    installState.value = 'ready';
  });
  addEventListener('appinstalled', () => {
    installState.value = 'installed';
  });
}

export async function install(): Promise<void> {
  const prompt = offered;
  if (!prompt) return;
  await prompt.prompt();
  offered = undefined;
  installState.value = (await prompt.userChoice).outcome === 'accepted' ? 'installed' : 'manual';
}
