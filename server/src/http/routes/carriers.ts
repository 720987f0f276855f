import { z } from 'zod';
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
                    networks: z.array(z.string()).describe('MCC and MNC'),
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
}
