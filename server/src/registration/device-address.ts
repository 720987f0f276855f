import type { Target } from '@ringthrough/sip';
import { parseAddress } from './address-text.ts';
import type { LiveBinding } from './binding-table.ts';

/** Where and how to send an INVITE for a device. */
export interface DeviceAddress {
  deviceId: string;
  deviceName: string;
  sipUser: string;
  contactUri: string;
  target: Target;
  transport: 'udp' | 'tcp' | 'tls' | 'ws';
}

/** A contact as its registration made it. */
export interface RegisteredContact {
  deviceId: string;
  sipUser: string;
  contactUri: string;
  callId: string;
  cseq: number;
  /** Unix milliseconds. */
  expiresAt: number;
}

/** Undefined when the connection of the binding is gone. */
export function addressOf(binding: LiveBinding): DeviceAddress | undefined {
  const { deviceId, deviceName, sipUser } = binding.device;
  const common = { deviceId, deviceName, sipUser, contactUri: binding.contactUri };
  if (binding.transport === 'udp') {
    const target: Target = {
      protocol: 'udp',
      ...parseAddress(binding.remote),
      local: parseAddress(binding.local),
      bound: true,
    };
    return { ...common, transport: 'udp', target };
  }
  if (binding.flow === undefined || binding.flow.closed) return undefined;
  return { ...common, transport: binding.flow.protocol, target: { flow: binding.flow } };
}
