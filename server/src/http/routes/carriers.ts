import { z } from 'zod';
import { reportedState } from '../../forwarding/index.ts';
import { Problem } from '../../problem.ts';
import { bearerToken } from '../bearer-token.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';

/** The list of countries and carriers (R-CARRIERS), for anybody. */
export function carrierRoutes(api: Api, { forwarding }: ApiContext): void {
  api.get(
    '/carriers',
    {
      schema: {
        tags: ['forwarding'],
        summary: 'Countries and carriers that this service works with',
        response: {
          200: z.object({
            countries: z.array(
              z.object({
                country: z.string().describe('ISO 3166'),
                carriers: z.array(
                  schemas.carrier.extend({
                    cNumber: z.string().describe('Where it forwards calls to'),
                    networks: z.array(
                      z.object({ mccMnc: z.string().describe('MCC and MNC'), name: z.string().nullable() }),
                    ),
                  }),
                ),
              }),
            ),
          }),
          ...schemas.errors,
        },
      },
    },
    async () => ({ countries: forwarding.countries() }),
  );

  api.post(
    '/carriers/:id/forwarding/:job',
    {
      schema: {
        tags: ['forwarding'],
        summary: 'A carrier reports the end of a command to its webhook',
        description:
          'With provisioning.callbackToken as bearer token. What was reported before changes nothing.',
        params: z.object({ id: schemas.id, job: schemas.id }),
        body: reportedState,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { id: carrierId, job } = request.params;
      const token = bearerToken(request) ?? '';
      if (!(await forwarding.report({ carrierId, token }, job, request.body))) {
        throw new Problem('not-logged-in', 'Send the token of the carrier as bearer token.');
      }
      return reply.code(204).send();
    },
  );
}
