import { parseUri, type Target } from '@ringthrough/sip';
import { parseAddress } from './address-text.ts';
import type { LiveBinding } from './binding-table.ts';
import { oneFlowEach, parseFlowKey } from './outbound.ts';
import { firstHop, routeOf } from './path.ts';

/** Where and how to send an INVITE for a device. */
export interface DeviceAddress {
  deviceId: string;
  deviceName: string;
  sipUser: string;
  contactUri: string;
  /** RFC 5626: the UA, where it registers flows; another address with the same one is the same telephone. */
  instance?: string;
  target: Target;
  /** Of the device; behind an edge proxy what its contact says: `ws` is a browser. */
  transport: 'udp' | 'tcp' | 'tls' | 'ws';
  /** Values of Route, where the way is along edge proxies (RFC 3327). */
  route?: readonly string[];
  /** Further flows to the same device, for when this one fails (RFC 5626 section 5.3). */
  otherFlows?: readonly DeviceAddress[];
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
  const instance = binding.flowKey === '' ? undefined : parseFlowKey(binding.flowKey)?.instance;
  const common = {
    ...{ deviceId, deviceName, sipUser, contactUri: binding.contactUri },
    ...(instance === undefined ? {} : { instance }),
  };
  if (binding.path !== undefined) {
    const target: Target = {
      uri: firstHop(binding.path),
      ...(binding.transport === 'udp' ? { local: parseAddress(binding.local) } : {}),
    };
    return { ...common, transport: transportOf(binding.contactUri), target, route: routeOf(binding.path) };
  }
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

/** One address for each device behind these bindings of one account's device: further flows come with the first. */
export function addressesOf(bindings: readonly LiveBinding[]): DeviceAddress[] {
  return oneFlowEach(bindings).flatMap(([first, others]) => {
    const [address, ...otherFlows] = [first, ...others].map(addressOf).filter((one) => one !== undefined);
    if (address === undefined) return [];
    return [otherFlows.length === 0 ? address : { ...address, otherFlows }];
  });
}

/** RFC 7118 section 5: the contact of a browser says so, whoever brings its registration. */
function transportOf(contactUri: string): DeviceAddress['transport'] {
  const uri = parseUri(contactUri);
  const transport = uri?.params.get('transport')?.toLowerCase();
  if (transport === 'ws' || transport === 'wss') return 'ws';
  if (transport === 'tls' || uri?.scheme === 'sips') return 'tls';
  return transport === 'tcp' ? 'tcp' : 'udp';
}
