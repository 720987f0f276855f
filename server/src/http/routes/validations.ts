import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toE164 } from '../../accounts/index.ts';
import { languages, mechanismNames } from '../../config.ts';
import { Problem } from '../../problem.ts';
import type { Asker } from '../../validation/index.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { SessionEnds } from '../session-ends.ts';

const tags = ['validation'];

const mechanism = z.enum(mechanismNames);
const carrierId = z.string().min(1).max(64).describe('What the person says, where we do not know');

const challenge = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('enter-code'), digits: z.int(), by: z.enum(['sms', 'call']) }),
  z.object({ kind: z.literal('press-keys'), keys: z.string() }),
  z.object({ kind: z.literal('confirm-sms') }),
  z.object({ kind: z.literal('send-sms'), to: z.string(), text: z.string() }),
  z.object({ kind: z.literal('place-call'), to: z.string() }),
]);

const detail = z.enum(['sending', 'calling', 'ringing', 'answered', 'no-answer', 'rejected']);

const proof = z.object({ proof: schemas.proof });

/** Proving that a number is yours (docs/validation.md). */
export function validationRoutes(api: Api, context: ApiContext): void {
  offerRoute(api, context);
  startRoute(api, context);
  answerRoutes(api, context);
  standingRoutes(api, context);
}

/** @throws Problem `not-logged-in`: who it would be cannot be said, but may be once the client has refreshed */
function asker(request: FastifyRequest, id: string): Asker {
  if (request.staleSession) throw new Problem('not-logged-in');
  return { id, accountId: request.session?.accountId };
}

function offerRoute(api: Api, { validations, forwarding }: ApiContext): void {
  api.post(
    '/validations/options',
    {
      schema: {
        tags,
        summary: 'How a number can be proved, best first. The same whether anybody has it or not.',
        body: z.strictObject({
          number: schemas.numberInput,
          region: schemas.region,
          carrierId: carrierId.optional(),
        }),
        response: {
          200: z.object({
            number: schemas.e164,
            carrier: schemas.carrier.nullable().describe('Null: ask the person which it is'),
            carriers: z.array(schemas.carrier).describe('To choose from'),
            mechanisms: z.array(z.object({ name: mechanism, challenge: z.string() })),
          }),
          ...schemas.errors,
        },
      },
    },
    async (request) => {
      const { number: input, region, carrierId } = request.body;
      const number = toE164(input, region);
      const { carrier, carriers, mechanisms } = await validations.possibilities({ number, carrierId });
      return {
        number,
        carrier: carrier ? forwarding.info(carrier) : null,
        carriers: carriers.map((one) => forwarding.info(one)),
        mechanisms: mechanisms.map(({ name, challenge }) => ({ name, challenge })),
      };
    },
  );
}

function startRoute(api: Api, { validations }: ApiContext): void {
  api.post(
    '/validations',
    {
      schema: {
        tags,
        summary: 'Begin to prove a number. The answer is the same whether anybody has it or not.',
        body: z.strictObject({
          number: schemas.numberInput,
          region: schemas.region,
          purpose: z.enum(['sign-up', 'link', 'login', 'reset', 'close']),
          mechanism: mechanism.optional().describe('Default: the best one'),
          carrierId: carrierId.optional(),
          language: z.enum(languages).optional().describe('Of the SMS'),
        }),
        response: {
          201: z.object({
            id: z.string().describe('Keep it secret: who has it can ask, and claim'),
            number: schemas.e164,
            mechanism,
            challenge,
            digits: z.int().optional().describe('Of the code, with enter-code'),
            expiresAt: schemas.time,
          }),
          ...schemas.errors,
        },
      },
    },
    async (request, reply) => {
      const { number, region, ...wishes } = request.body;
      const started = await validations.start({
        ...wishes,
        number: toE164(number, region),
        accountId: request.session?.accountId,
        address: clientAddress(request.ip),
      });
      const { challenge } = started;
      const digits = challenge.kind === 'enter-code' ? { digits: challenge.digits } : {};
      return reply.code(201).send({ ...started, ...digits });
    },
  );
}

function answerRoutes(api: Api, { validations, limits }: ApiContext): void {
  api.post(
    '/validations/:id/check',
    {
      schema: {
        tags,
        summary: 'Exchange the code, or the token of the SMS, for a proof, which is good once.',
        params: schemas.idParams,
        body: z.strictObject({ code: z.string().trim().min(1).max(64) }),
        response: { 200: proof, ...schemas.errors },
      },
    },
    async (request) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      return { proof: await validations.check(asker(request, request.params.id), request.body.code) };
    },
  );

  api.post(
    '/validations/:id/claim',
    {
      schema: {
        tags,
        summary:
          'The proof of what the network saw: keys, an SMS or a call. Asked again, the one before is void.',
        params: schemas.idParams,
        response: { 200: proof, ...schemas.errors },
      },
    },
    async (request) => ({ proof: await validations.claim(asker(request, request.params.id)) }),
  );
}

function standingRoutes(api: Api, { validations, fabric }: ApiContext): void {
  // Whoever waits is let go when the server stops or the session ends, and forgotten when he goes.
  const closing = new AbortController();
  const sessions = new SessionEnds(fabric);
  api.addHook('preClose', async () => {
    sessions.close();
    closing.abort();
  });

  api.get(
    '/validations/:id',
    {
      schema: {
        tags,
        summary: 'How it stands. Waits for news while it is pending.',
        params: schemas.idParams,
        querystring: z.strictObject({
          waitSeconds: z.coerce.number().min(0).max(25).default(0),
          seen: detail.optional().describe('The detail that the asker knows: another one is news at once'),
        }),
        response: {
          200: z.object({
            state: z.enum(['pending', 'proved', 'failed', 'expired']),
            detail: detail.nullable(),
            attemptsLeft: z.int(),
          }),
          ...schemas.errors,
        },
      },
    },
    async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const { waitSeconds, seen } = request.query;
      return sessions.during(request, (ended) =>
        validations.standing(asker(request, request.params.id), {
          ms: waitSeconds * 1000,
          seen,
          signal: AbortSignal.any([closing.signal, gone.signal, ended]),
        }),
      );
    },
  );

  api.delete(
    '/validations/:id',
    {
      schema: {
        tags,
        summary: 'Give it up: a call that is under way ends, and nothing can prove it any more.',
        params: schemas.idParams,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      await validations.giveUp(asker(request, request.params.id));
      return reply.code(204).send();
    },
  );
}
