import { z } from 'zod';
import type { Confirmation } from '../../accounts/index.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext } from '../context.ts';
import { countingFailures } from '../rate-limits.ts';
import * as schemas from '../schemas.ts';
import { clearSessionCookies, loggedIn, sessionOf } from '../session-cookie.ts';

const tags = ['account'];
const confirmation = z.union([
  z.strictObject({ password: schemas.password }),
  z.strictObject({ proof: schemas.proof }),
]);

/** What being logged in is not enough for: the owner says the password again, or proves a number. */
export function ownerRoutes(api: Api, context: ApiContext): void {
  api.addHook('onRequest', loggedIn);
  passwordRoute(api, context);
  closingRoute(api, context);
}

function passwordRoute(api: Api, { accounts, limits }: ApiContext): void {
  api.put(
    '/account/password',
    {
      schema: {
        tags,
        summary: 'Change the password',
        body: z.strictObject({
          current: schemas.password,
          password: schemas.password,
          signOutOthers: z.boolean().default(false).describe('All other devices, telephones too'),
        }),
        response: {
          200: z.object({ signedOut: z.int().describe('Devices') }),
          ...schemas.errors,
        },
      },
    },
    async (request) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const { accountId, deviceId } = sessionOf(request);
      const limit = limitOf(limits.wrongPasswordsByAccount, accountId);
      const signedOut = await countingFailures(limit, () =>
        accounts.changePassword({ accountId, deviceId, ...request.body }),
      );
      return { signedOut };
    },
  );
}

function closingRoute(api: Api, context: ApiContext): void {
  const { accounts, validations, forwarding, voicemails, limits, config } = context;
  api.delete(
    '/account',
    {
      schema: {
        tags,
        summary: 'Close the account: everything of it is deleted at once, and cannot be had back',
        body: confirmation,
        response: {
          200: z
            .object({ numbers: z.int(), devices: z.int(), voicemails: z.int(), calls: z.int() })
            .describe('How much was deleted'),
          ...schemas.errors,
        },
      },
    },
    async (request, reply) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const { accountId } = sessionOf(request);
      const { body } = request;
      const how: Confirmation =
        'password' in body
          ? body
          : { claim: (trx) => validations.spend(trx, { proof: body.proof, purpose: 'close', accountId }) };
      const limit = limitOf(limits.wrongPasswordsByAccount, accountId);
      const closed = await countingFailures(limit, () => accounts.closing.close(accountId, how));
      clearSessionCookies(reply, config);
      await voicemails.discard();
      // What is switched on at carriers is switched off there.
      await forwarding.follow(accountId);
      return {
        numbers: closed.numbers,
        devices: closed.deviceIds.length,
        voicemails: closed.voicemails,
        calls: closed.calls,
      };
    },
  );
}

const limitOf = (buckets: ApiContext['limits']['wrongPasswordsByAccount'], key: string) =>
  ({ buckets, key, code: 'wrong-password' }) as const;
