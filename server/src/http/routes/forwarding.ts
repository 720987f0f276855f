import { z } from 'zod';
import { toE164 } from '../../accounts/index.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { loggedIn, sessionOf } from '../session-cookie.ts';
import { accountView } from '../views.ts';
import { forwardingCheckRoute } from './forwarding-check.ts';

const tags = ['forwarding'];

/** Getting the carrier of a number to forward its calls. */
export function forwardingRoutes(api: Api, context: ApiContext): void {
  const { forwarding } = context;
  api.addHook('onRequest', loggedIn);
  forwardingCheckRoute(api, context);

  api.post(
    '/account/numbers/:number/forwarding',
    {
      schema: {
        tags,
        summary: 'Switch the forwarding, or ask the carrier how it is',
        description:
          'Of a carrier that is not integrated it stores what the person has dialled. 202: the carrier is being asked; ' +
          'the event account.changed tells of the end.',
        params: schemas.numberParams,
        body: z.strictObject({
          action: z.enum(['activate', 'deactivate', 'refresh']),
          noReplySeconds: z.int().min(5).max(30).multipleOf(5).optional(),
        }),
        response: { 200: schemas.account, 202: schemas.account, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId } = sessionOf(request);
      const number = toE164(request.params.number);
      const { action, noReplySeconds = null } = request.body;
      const done = await forwarding.request(accountId, number, { action, noReplySeconds });
      return reply.code(done === 'pending' ? 202 : 200).send(await accountView(context, accountId));
    },
  );

  api.put(
    '/account/numbers/:number/carrier',
    {
      schema: {
        tags,
        summary: 'Say which carrier serves a number',
        params: schemas.numberParams,
        body: z.strictObject({ carrierId: schemas.id }),
        response: { 200: schemas.account, ...schemas.errors },
      },
    },
    async (request) => {
      const { accountId } = sessionOf(request);
      await forwarding.setCarrier(accountId, toE164(request.params.number), request.body.carrierId);
      return accountView(context, accountId);
    },
  );
}
