import { toE164 } from '../../accounts/index.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { sessionOf } from '../session-cookie.ts';
import { accountView } from '../views.ts';

/** "Is my forwarding on?" For who is logged in. */
export function forwardingCheckRoute(api: Api, context: ApiContext): void {
  api.post(
    '/account/numbers/:number/forwarding/check',
    {
      schema: {
        tags: ['forwarding'],
        summary: 'Call the number and see whether the call comes back',
        description:
          'The call is given up as soon as something is seen. `forwarding.check` of the number says what; the event ' +
          'account.changed tells when.',
        params: schemas.numberParams,
        response: { 202: schemas.account, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId } = sessionOf(request);
      await context.forwardingChecks.begin(accountId, toE164(request.params.number));
      return reply.code(202).send(await accountView(context, accountId));
    },
  );
}
