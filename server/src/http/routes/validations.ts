import { z } from 'zod';
import { toE164 } from '../../accounts/index.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';

/** Proving that a number is yours. */
export function validationRoutes(api: Api, context: ApiContext): void {
  const { validations, limits } = context;

  api.post(
    '/validations',
    {
      schema: {
        tags: ['validation'],
        summary: 'Send a code to a number. The answer is the same whether anybody has it or not.',
        body: z.strictObject({
          number: schemas.numberInput,
          region: schemas.region,
          purpose: z.enum(['sign-up', 'link', 'login']),
        }),
        response: {
          201: z.object({
            id: z.string(),
            number: z.string(),
            mechanism: z.string(),
            digits: z.int(),
            expiresAt: z.number(),
          }),
          ...schemas.errors,
        },
      },
    },
    async (request, reply) => {
      const number = toE164(request.body.number, request.body.region);
      const started = await validations.start({
        number,
        purpose: request.body.purpose,
        accountId: request.session?.accountId,
        address: clientAddress(request.ip),
      });
      return reply.code(201).send(started);
    },
  );

  api.post(
    '/validations/:id/check',
    {
      schema: {
        tags: ['validation'],
        summary: 'Exchange the code for a proof, which is good once.',
        params: schemas.idParams,
        body: z.strictObject({ code: z.string().trim().min(1).max(16) }),
        response: { 200: z.object({ proof: z.string() }), ...schemas.errors },
      },
    },
    async (request) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      return { proof: await validations.check(request.params.id, request.body.code) };
    },
  );
}
