import { z } from 'zod';
import { toE164 } from '../../accounts/index.ts';
import { Problem } from '../../problem.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { clearSessionCookie, loggedIn, sessionOf, setSessionCookie } from '../session-cookie.ts';
import { loggedInView } from '../views.ts';

const withPassword = z.strictObject({
  number: schemas.numberInput,
  region: schemas.region,
  password: schemas.password,
  device: schemas.deviceInput,
});
const withProof = z.strictObject({ proof: schemas.proof, device: schemas.deviceInput });

/** Signing up, logging in and out. */
export function sessionRoutes(api: Api, context: ApiContext): void {
  const { accounts, validations, config, limits } = context;

  api.post(
    '/accounts',
    {
      schema: {
        tags: ['session'],
        summary: 'Sign up with a proved number. Sets the session cookie.',
        body: z.strictObject({
          proof: schemas.proof,
          password: schemas.password,
          device: schemas.deviceInput,
        }),
        response: { 201: schemas.loggedIn, ...schemas.errors },
      },
    },
    async (request, reply) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const { proof, password, device } = request.body;
      const entered = await accounts.signUp({
        claim: (trx) => validations.spend(trx, { proof, purpose: 'sign-up', accountId: undefined }),
        password,
        device: { ...device, kind: 'web' },
      });
      setSessionCookie(reply, config, entered.token);
      return reply.code(201).send(await loggedInView(context, entered));
    },
  );

  api.post(
    '/sessions',
    {
      schema: {
        tags: ['session'],
        summary: 'Log in with any linked number and the password, or with a proof. Sets the session cookie.',
        body: z.union([withPassword, withProof]),
        response: { 201: schemas.loggedIn, ...schemas.errors },
      },
    },
    async (request, reply) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const entered = await enter(context, request.body);
      setSessionCookie(reply, config, entered.token);
      return reply.code(201).send(await loggedInView(context, entered));
    },
  );

  api.delete(
    '/sessions/current',
    {
      onRequest: loggedIn,
      schema: {
        tags: ['session'],
        summary: 'Log out. The device and its registration go too.',
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId, deviceId } = sessionOf(request);
      await accounts.devices.remove(accountId, deviceId);
      clearSessionCookie(reply, config);
      return reply.code(204).send();
    },
  );
}

async function enter(
  { accounts, validations, limits }: ApiContext,
  body: z.output<typeof withPassword> | z.output<typeof withProof>,
) {
  const device = { ...body.device, kind: 'web' } as const;
  if ('proof' in body) {
    const { proof } = body;
    const claim: Parameters<typeof accounts.logInWithProof>[0]['claim'] = (trx) =>
      validations.spend(trx, { proof, purpose: 'login', accountId: undefined });
    return accounts.logInWithProof({ claim, device });
  }
  const number = toE164(body.number, body.region);
  limits.failedLoginsByNumber.check(number);
  try {
    return await accounts.logIn({ number, password: body.password, device });
  } catch (error) {
    if (error instanceof Problem && error.code === 'wrong-credentials') {
      limits.failedLoginsByNumber.take(number);
    }
    throw error;
  }
}
