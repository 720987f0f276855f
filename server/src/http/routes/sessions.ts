import { z } from 'zod';
import { type LoggedIn, toE164 } from '../../accounts/index.ts';
import { Problem } from '../../problem.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext, Reply } from '../context.ts';
import { countingFailures } from '../rate-limits.ts';
import * as schemas from '../schemas.ts';
import {
  clearSessionCookies,
  loggedIn,
  refreshCookieOf,
  sessionOf,
  setSessionCookies,
} from '../session-cookie.ts';
import { loggedInView } from '../views.ts';

const tags = ['session'];
const entering = { device: schemas.deviceInput, tokens: schemas.wantsTokens };
const withPassword = z.strictObject({
  number: schemas.numberInput,
  region: schemas.region,
  password: schemas.password,
  ...entering,
});
const withProof = z.strictObject({ proof: schemas.proof, ...entering });
const withNewPassword = z.strictObject({ proof: schemas.proof, password: schemas.password, ...entering });

/** Signing up, logging in and out, and what keeps one logged in. */
export function sessionRoutes(api: Api, context: ApiContext): void {
  signUpRoute(api, context);
  logInRoute(api, context);
  resetRoute(api, context);
  refreshRoute(api, context);
  logOutRoute(api, context);
}

function signUpRoute(api: Api, context: ApiContext): void {
  const { accounts, validations, limits } = context;
  api.post(
    '/accounts',
    {
      schema: {
        tags,
        summary: 'Sign up with a proved number. Sets the session cookies.',
        body: withNewPassword,
        response: { 201: schemas.loggedIn, ...schemas.errors },
      },
    },
    async (request, reply) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const { proof, password, device, tokens } = request.body;
      const entered = await accounts.signUp({
        claim: (trx) => validations.spend(trx, { proof, purpose: 'sign-up', accountId: undefined }),
        password,
        device: { ...device, kind: 'web' },
      });
      return welcome(context, reply, entered, tokens);
    },
  );
}

function logInRoute(api: Api, context: ApiContext): void {
  api.post(
    '/sessions',
    {
      schema: {
        tags,
        summary: 'Log in with any linked number and the password, or with a proof. Sets the session cookies.',
        body: z.union([withPassword, withProof]),
        response: { 201: schemas.loggedIn, ...schemas.errors },
      },
    },
    async (request, reply) => {
      context.limits.loginsByAddress.take(clientAddress(request.ip));
      return welcome(context, reply, await enter(context, request.body), request.body.tokens);
    },
  );
}

function resetRoute(api: Api, context: ApiContext): void {
  const { accounts, validations, limits } = context;
  api.post(
    '/password-resets',
    {
      schema: {
        tags,
        summary: 'A new password, with a proof of a linked number. Logs in, and all other devices out.',
        body: withNewPassword.extend({
          keepDevices: z.boolean().default(false).describe('The other devices stay'),
        }),
        response: { 201: schemas.loggedIn, ...schemas.errors },
      },
    },
    async (request, reply) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const { proof, password, device, tokens, keepDevices } = request.body;
      const entered = await accounts.resetPassword({
        claim: (trx) => validations.spend(trx, { proof, purpose: 'reset', accountId: undefined }),
        password,
        device: { ...device, kind: 'web' },
        keepDevices,
      });
      return welcome(context, reply, entered, tokens);
    },
  );
}

function refreshRoute(api: Api, { accounts, config }: ApiContext): void {
  api.post(
    '/sessions/refresh',
    {
      schema: {
        tags,
        summary:
          'The next tokens for the refresh token, which is good once: as cookies, or as they were sent',
        body: z.strictObject({ refreshToken: z.string().min(1).max(128) }).nullish(),
        response: {
          200: z.object({ expiresAt: schemas.time.describe('Of the access token'), ...schemas.tokens.shape }),
          ...schemas.errors,
        },
      },
    },
    async (request, reply) => {
      if (request.body) return accounts.refresh(request.body.refreshToken);
      try {
        const tokens = await accounts.refresh(refreshCookieOf(request));
        setSessionCookies(reply, config, tokens);
        return { expiresAt: tokens.expiresAt };
      } catch (error) {
        // So that the browser sends them no more. When we only cannot look, they may well be good.
        if (error instanceof Problem && error.code === 'not-logged-in') clearSessionCookies(reply, config);
        throw error;
      }
    },
  );
}

function logOutRoute(api: Api, { accounts, config }: ApiContext): void {
  api.delete(
    '/sessions/current',
    {
      onRequest: loggedIn,
      schema: {
        tags,
        summary: 'Log out. The device and its registration go too.',
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId, deviceId } = sessionOf(request);
      await accounts.devices.remove(accountId, deviceId);
      clearSessionCookies(reply, config);
      return reply.code(204).send();
    },
  );
}

async function enter(
  { accounts, validations, limits }: ApiContext,
  body: z.output<typeof withPassword> | z.output<typeof withProof>,
): Promise<LoggedIn> {
  const device = { ...body.device, kind: 'web' } as const;
  if ('proof' in body) {
    const { proof } = body;
    const claim: Parameters<typeof accounts.logInWithProof>[0]['claim'] = (trx) =>
      validations.spend(trx, { proof, purpose: 'login', accountId: undefined });
    return accounts.logInWithProof({ claim, device });
  }
  const number = toE164(body.number, body.region);
  const limit = { buckets: limits.failedLoginsByNumber, key: number, code: 'wrong-credentials' } as const;
  return countingFailures(limit, () => accounts.logIn({ number, password: body.password, device }));
}

/** @param tokens in the answer, in place of cookies */
async function welcome(context: ApiContext, reply: Reply, entered: LoggedIn, tokens: boolean) {
  if (!tokens) setSessionCookies(reply, context.config, entered.tokens);
  reply.code(201);
  return loggedInView(context, entered, tokens);
}
