import {
  type Contact,
  parseContacts,
  parseCSeq,
  parseExpires,
  type SipRequest,
  uriEquals,
} from '@ringthrough/sip';
import { flowKeyOf, type OutboundFlow } from './outbound.ts';

/** One address at which a device can be reached. Times in unix milliseconds, addresses as `host:port`. */
export interface Binding {
  contactUri: string;
  callId: string;
  cseq: number;
  /** RFC 5626 instance and reg-id, joined: the same UA over a new flow. */
  instance: string | undefined;
  /** The same where the UA keeps several flows (RFC 5626), which may have equal contacts; empty otherwise. */
  flowKey: string;
  transport: string;
  local: string;
  remote: string;
  /** The Path vector (RFC 3327); undefined: it is reached at `remote`. */
  path: string | undefined;
  userAgent: string | undefined;
  registeredAt: number;
  expiresAt: number;
}

export interface RegisterLimits {
  minExpiresSeconds: number;
  maxExpiresSeconds: number;
  defaultExpiresSeconds: number;
  maxBindingsPerDevice: number;
}

/** From where the REGISTER came. */
export interface RegisterSource {
  transport: string;
  local: string;
  remote: string;
  /** The Path vector that it came with. */
  path?: string | undefined;
}

export type RegisterResult =
  | { ok: true; bindings: Binding[]; changed: boolean }
  | { ok: false; status: number; reason: string; minExpires?: number };

interface WantedContact {
  uri: string;
  expiresSeconds: number;
  instance: string | undefined;
  flowKey: string;
}

interface RegisterContext {
  source: RegisterSource;
  /** The flow that is registered, where RFC 5626 is in force. */
  outbound?: OutboundFlow | undefined;
  limits: RegisterLimits;
  now: number;
}

/**
 * RFC 3261 section 10.3, steps 6 to 8: what the device's bindings are after this REGISTER. All or nothing; does not
 * change `current`. A REGISTER without Contact asks and changes nothing.
 */
export function applyRegister(
  current: readonly Binding[],
  request: SipRequest,
  context: RegisterContext,
): RegisterResult {
  const { limits, now } = context;
  const live = current.filter((binding) => binding.expiresAt > now);
  const values = parseContacts(request.headers);
  if (values === undefined) return badContact;
  if (values.length === 0) return { ok: true, bindings: live, changed: false };
  const callId = request.headers.get('Call-ID') ?? '';
  const order = { callId, cseq: parseCSeq(request.headers.get('CSeq') ?? '')?.sequence ?? 0 };
  if (values === '*') return removeAll(live, request, order);
  if (values.length > limits.maxBindingsPerDevice) {
    return { ok: false, status: 400, reason: 'Too Many Contacts' };
  }
  const contacts: WantedContact[] = [];
  for (const value of values) {
    if (!/^sips?:/i.test(value.uri)) return badContact;
    const contact = wantedContact(value, request, context);
    if (contact.expiresSeconds > 0 && contact.expiresSeconds < limits.minExpiresSeconds) {
      return { ok: false, status: 423, reason: 'Interval Too Brief', minExpires: limits.minExpiresSeconds };
    }
    contacts.push(contact);
  }
  return update(live, contacts, order, request, context);
}

function update(
  live: readonly Binding[],
  contacts: readonly WantedContact[],
  order: { callId: string; cseq: number },
  request: SipRequest,
  context: RegisterContext,
): RegisterResult {
  let kept = [...live];
  let bound: Binding[] = [];
  for (const contact of contacts) {
    const old = live.find((binding) => isSame(binding, contact));
    if (old !== undefined && outOfOrder(old, order)) return outOfOrderResult;
    kept = kept.filter((binding) => !isReplaced(binding, contact, context.source));
    // Among those of one request there is no older one, whatever address they came from; but the last word counts.
    bound = bound.filter((binding) => !isSame(binding, contact) && !isSameInstance(binding, contact));
    if (contact.expiresSeconds === 0) continue;
    bound.push({
      contactUri: contact.uri,
      ...order,
      instance: contact.instance,
      flowKey: contact.flowKey,
      ...context.source,
      path: context.source.path,
      userAgent: request.headers.get('User-Agent'),
      registeredAt: context.now,
      expiresAt: context.now + contact.expiresSeconds * 1000,
    });
  }
  // A device that comes with ever new contacts keeps working: its oldest ones go.
  const bindings = [...kept, ...bound].slice(-context.limits.maxBindingsPerDevice);
  return { ok: true, bindings, changed: true };
}

/** "*" is legal only with Expires: 0 (RFC 3261 10.2.2). */
function removeAll(
  live: readonly Binding[],
  request: SipRequest,
  order: { callId: string; cseq: number },
): RegisterResult {
  if (parseExpires(request.headers.get('Expires') ?? '') !== 0) return badContact;
  if (live.some((binding) => outOfOrder(binding, order))) return outOfOrderResult;
  return { ok: true, bindings: [], changed: true };
}

const badContact: RegisterResult = { ok: false, status: 400, reason: 'Bad Contact' };
const outOfOrderResult: RegisterResult = { ok: false, status: 500, reason: 'Out Of Order' };

/** Step 7: within one Call-ID only a higher CSeq may change a binding. */
function outOfOrder(binding: Binding, order: { callId: string; cseq: number }): boolean {
  return binding.callId === order.callId && order.cseq <= binding.cseq;
}

function isSame(binding: Binding, contact: WantedContact): boolean {
  // RFC 5626 section 6: flows are told apart by their ids, not by their contacts.
  if (binding.flowKey !== '' && contact.flowKey !== '') return binding.flowKey === contact.flowKey;
  return binding.contactUri === contact.uri || uriEquals(binding.contactUri, contact.uri);
}

function isSameInstance(binding: Binding, { instance }: WantedContact): boolean {
  return instance !== undefined && instance === binding.instance;
}

/**
 * Besides the same URI: the same instance over a new flow (RFC 5626 section 6), and an older contact from the same UDP
 * address, which is a softphone that was started again; it would ring twice.
 */
function isReplaced(binding: Binding, contact: WantedContact, source: RegisterSource): boolean {
  if (isSame(binding, contact)) return true;
  if (contact.expiresSeconds === 0) return false;
  if (isSameInstance(binding, contact)) return true;
  // Many devices speak from the address of an edge proxy, and a device has several flows.
  if (binding.path !== undefined || source.path !== undefined) return false;
  if (binding.flowKey !== '' && contact.flowKey !== '') return false;
  return source.transport === 'udp' && binding.transport === 'udp' && binding.remote === source.remote;
}

function wantedContact(
  contact: Contact,
  request: SipRequest,
  { limits, outbound }: RegisterContext,
): WantedContact {
  // A value that is no number counts as absent (RFC 3261 10.2.1.1).
  const seconds =
    contact.expires ?? parseExpires(request.headers.get('Expires') ?? '') ?? limits.defaultExpiresSeconds;
  const instance = contact.params.get('+sip.instance');
  return {
    uri: contact.uri,
    expiresSeconds: Math.min(seconds, limits.maxExpiresSeconds),
    instance: instance === undefined ? undefined : `${instance};${contact.params.get('reg-id') ?? ''}`,
    flowKey: outbound !== undefined && outbound.instance === instance ? flowKeyOf(outbound) : '',
  };
}
