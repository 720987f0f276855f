import { z } from 'zod';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { clearSessionCookies, loggedIn, sessionOf } from '../session-cookie.ts';
import { deviceView, sipView } from '../views.ts';

const tags = ['devices'];

/** The devices of the account. */
export function deviceRoutes(api: Api, context: ApiContext): void {
  const { accounts, config } = context;
  api.addHook('onRequest', loggedIn);

  api.get(
    '/devices',
    {
      schema: { tags, summary: 'All devices', response: { 200: z.array(schemas.device), ...schemas.errors } },
    },
    async (request) => {
      const { accountId, deviceId } = sessionOf(request);
      const devices = await accounts.devices.list(accountId);
      return devices.map((device) => deviceView(device, deviceId));
    },
  );

  api.post(
    '/devices',
    {
      schema: {
        tags,
        summary: 'Add a softphone; its password is shown this once',
        body: z.strictObject({ name: schemas.deviceInput.shape.name }),
        response: { 201: schemas.deviceWithSip, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId, deviceId } = sessionOf(request);
      const created = await accounts.devices.add(accountId, {
        name: request.body.name,
        system: '',
        kind: 'softphone',
      });
      const device = deviceView(created.device, deviceId);
      return reply.code(201).send({ device, sip: sipView(context, created.sip) });
    },
  );

  api.delete(
    '/devices',
    {
      schema: {
        tags,
        summary: 'Sign all other devices out, telephones too',
        response: { 200: z.object({ signedOut: z.int() }), ...schemas.errors },
      },
    },
    async (request) => {
      const { accountId, deviceId } = sessionOf(request);
      return { signedOut: await accounts.devices.signOutOthers(accountId, deviceId) };
    },
  );

  api.delete(
    '/devices/:id',
    {
      schema: {
        tags,
        summary: 'Sign a device out: its sessions and registrations end',
        params: schemas.idParams,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId, deviceId } = sessionOf(request);
      await accounts.devices.remove(accountId, request.params.id);
      if (request.params.id === deviceId) clearSessionCookies(reply, config);
      return reply.code(204).send();
    },
  );
}
