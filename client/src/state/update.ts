import { signal } from '@preact/signals';

/** Takes the new version, when there is one. */
export const pendingUpdate = signal<(() => void) | undefined>(undefined);
