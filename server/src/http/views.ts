import type { z } from 'zod';
import type { Device, LoggedIn, SipCredentials } from '../accounts/index.ts';
import { sipRealm } from '../config.ts';
import type { ApiContext, CallEntry, VoicemailEntry } from './context.ts';
import type * as schemas from './schemas.ts';

/** Our objects as the API shows them. */

export async function accountView(
  context: ApiContext,
  accountId: string,
): Promise<z.output<typeof schemas.account>> {
  const { accounts, forwarding } = context;
  const [createdAt, numbers] = await Promise.all([
    accounts.createdAt(accountId),
    accounts.numbers.list(accountId),
  ]);
  const forwardings = await forwarding.views(accountId, numbers);
  return {
    id: accountId,
    createdAt,
    numbers: numbers.map(({ carrierId, ...number }) => ({
      ...number,
      carrier: (carrierId && forwarding.carrier(carrierId)) || null,
      forwarding: forwardings.get(number.number) ?? null,
    })),
  };
}

export function deviceView(device: Device, currentId: string | undefined): z.output<typeof schemas.device> {
  const { lastSeenAt, session } = device;
  return {
    ...device,
    lastSeenAt: lastSeenAt ?? null,
    session: session ?? null,
    current: device.id === currentId,
  };
}

export function sipView(context: ApiContext, credentials: SipCredentials): z.output<typeof schemas.sip> {
  return {
    ...credentials,
    domain: context.config.sip.domain,
    realm: sipRealm,
    server: context.sipServer(),
    webSocketPath: '/sip',
  };
}

export async function loggedInView(
  context: ApiContext,
  loggedIn: LoggedIn,
  tokens: boolean,
): Promise<z.output<typeof schemas.loggedIn>> {
  const { expiresAt, ...secrets } = loggedIn.tokens;
  return {
    account: await accountView(context, loggedIn.accountId),
    device: deviceView(loggedIn.device, loggedIn.device.id),
    sip: sipView(context, loggedIn.sip),
    expiresAt,
    ...(tokens ? secrets : {}),
  };
}

export function callView(call: CallEntry): z.output<typeof schemas.call> {
  const { answeredAt, endedAt, trunkCodec, clientCodec } = call;
  return {
    id: call.id,
    number: call.called ?? null,
    caller: call.calling ?? null,
    reason: call.reason ?? null,
    arrivedAt: call.arrivedAt,
    answeredAt: answeredAt ?? null,
    endedAt: endedAt ?? null,
    durationMs: answeredAt !== undefined && endedAt !== undefined ? endedAt - answeredAt : 0,
    outcome: call.outcome ?? null,
    device: call.device ?? null,
    codecs: trunkCodec || clientCodec ? { carrier: trunkCodec ?? null, client: clientCodec ?? null } : null,
    quality: call.quality ?? null,
  };
}

export function voicemailView(voicemail: VoicemailEntry): z.output<typeof schemas.voicemail> {
  const { calling, heardAt, id, number, storedAt, durationMs } = voicemail;
  return { id, number, storedAt, durationMs, caller: calling ?? null, heardAt: heardAt ?? null };
}
