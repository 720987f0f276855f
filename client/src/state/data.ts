import { computed } from '@preact/signals';
import { api } from '../api/client.ts';
import type { EventType } from '../api/events.ts';
import { createResource } from './resource.ts';

export const resources = {
  account: createResource(api.account),
  devices: createResource(api.devices),
  calls: createResource(() => api.calls()),
  voicemails: createResource(api.voicemails),
  notices: createResource(api.notices),
};

type Name = keyof typeof resources;

/** Which resources an event of the server makes stale. */
const staleAfter: Record<EventType, Name[]> = {
  'account.changed': ['account', 'devices'],
  'device.registered': ['devices'],
  'device.removed': ['devices'],
  'device.unregistered': ['devices'],
  'call.changed': ['calls'],
  'voicemail.stored': ['voicemails', 'calls'],
  'voicemail.changed': ['voicemails'],
  'account.notice': ['notices', 'account'],
};

export function refreshFor(eventType: EventType): void {
  for (const name of staleAfter[eventType]) void resources[name].refresh();
}

export async function refreshAll(): Promise<void> {
  await Promise.all(Object.values(resources).map((resource) => resource.refresh()));
}

export function clearAll(): void {
  for (const resource of Object.values(resources)) resource.clear();
}

export const unheardCount = computed(
  () => resources.voicemails.value.value?.filter((message) => message.heardAt === null).length ?? 0,
);
