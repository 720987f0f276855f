import { z } from 'zod';
import { toE164 } from '../../accounts/index.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { loggedIn, sessionOf } from '../session-cookie.ts';
import { accountView } from '../views.ts';

const tags = ['account'];

/** The account and its numbers. */
export function accountRoutes(api: Api, context: ApiContext): void {
  const { accounts, validations } = context;
  api.addHook('onRequest', loggedIn);

  api.get(
    '/account',
    { schema: { tags, summary: 'The account', response: { 200: schemas.account, ...schemas.errors } } },
    async (request) => accountView(context, sessionOf(request).accountId),
  );

  api.post(
    '/account/numbers',
    {
      schema: {
        tags,
        summary: 'Link a proved number',
        body: z.strictObject({ proof: schemas.proof }),
        response: { 201: schemas.account, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId } = sessionOf(request);
      const { proof } = request.body;
      await accounts.numbers.link(accountId, (trx) =>
        validations.spend(trx, { proof, purpose: 'link', accountId }),
      );
      return reply.code(201).send(await accountView(context, accountId));
    },
  );

  api.delete(
    '/account/numbers/:number',
    {
      schema: {
        tags,
        summary: 'Remove a secondary number',
        params: schemas.numberParams,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      await accounts.numbers.delink(sessionOf(request).accountId, toE164(request.params.number));
      return reply.code(204).send();
    },
  );

  api.patch(
    '/account/numbers/:number',
    {
      schema: {
        tags,
        summary: 'What happens to calls that nobody takes',
        params: schemas.numberParams,
        body: z.strictObject({ answerMode: z.enum(['both', 'voicemail', 'mca']) }),
        response: { 200: schemas.account, ...schemas.errors },
      },
    },
    async (request) => {
      const { accountId } = sessionOf(request);
      const number = toE164(request.params.number);
      await accounts.numbers.setAnswerMode(accountId, number, request.body.answerMode);
      return accountView(context, accountId);
    },
  );

  api.put(
    '/account/primary',
    {
      schema: {
        tags,
        summary: 'Make a linked number the primary one',
        body: z.strictObject({ number: schemas.numberInput }),
        response: { 200: schemas.account, ...schemas.errors },
      },
    },
    async (request) => {
      const { accountId } = sessionOf(request);
      await accounts.numbers.setPrimary(accountId, toE164(request.body.number));
      return accountView(context, accountId);
    },
  );
}
