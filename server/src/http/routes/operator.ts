import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { carrierSchema } from '../../config.ts';
import { type CatalogueEntry, networksOfCountry } from '../../forwarding/index.ts';
import { Problem } from '../../problem.ts';
import { bearerToken } from '../bearer-token.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';

const tags = ['operator'];
const params = z.object({ id: schemas.id });

const entry = z.object({
  carrier: z.looseObject({ id: z.string() }).describe('As it is written, without passwords and tokens'),
  source: z
    .enum(['configuration', 'file', 'operator'])
    .describe('Only those of operators can be changed here'),
  restartNeeded: z.boolean().describe('Its trunks and SMS are in use after the next start'),
});

/** The catalogue of carriers for operators: with the token of the configuration, and without one not at all. */
export function operatorRoutes(api: Api, context: ApiContext): void {
  const { catalogueEditor: editor, config } = context;
  const { token } = config.operator;
  if (token === undefined) return;
  api.addHook('onRequest', async (request) => {
    if (isToken(request, token)) return;
    context.limits.loginsByAddress.take(clientAddress(request.ip));
    throw new Problem('not-logged-in', 'Send operator.token as bearer token.');
  });

  api.get(
    '/operator/carriers',
    {
      schema: {
        tags,
        summary: 'All carriers, wherever they come from',
        response: { 200: z.object({ carriers: z.array(entry) }), ...schemas.errors },
      },
    },
    async () => ({ carriers: editor.list().map(shown) }),
  );

  api.get(
    '/operator/carriers/:id',
    { schema: { tags, summary: 'One carrier', params, response: { 200: entry, ...schemas.errors } } },
    async (request) => shown(editor.get(request.params.id)),
  );

  api.post(
    '/operator/carriers',
    {
      schema: {
        tags,
        summary: 'Add a carrier',
        body: carrierSchema,
        response: { 201: entry, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const made = await editor.create(request.body, clientAddress(request.ip));
      return reply.code(201).send(shown(made));
    },
  );

  api.put(
    '/operator/carriers/:id',
    {
      schema: {
        tags,
        summary: 'Replace a carrier, with its passwords and tokens',
        params,
        body: carrierSchema.omit({ id: true }),
        response: { 200: entry, ...schemas.errors },
      },
    },
    async (request) => {
      const { id } = request.params;
      return shown(await editor.replace({ ...request.body, id }, clientAddress(request.ip)));
    },
  );

  api.delete(
    '/operator/carriers/:id',
    {
      schema: {
        tags,
        summary: 'Remove a carrier that no linked number has',
        params,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      await editor.remove(request.params.id, clientAddress(request.ip));
      return reply.code(204).send();
    },
  );

  api.get(
    '/operator/networks',
    {
      schema: {
        tags,
        summary: 'The mobile networks of a country, with MCC and MNC',
        querystring: z.object({
          country: z
            .string()
            .regex(/^[A-Z]{2}$/)
            .describe('ISO 3166'),
        }),
        response: {
          200: z.object({
            networks: z.array(
              z.object({
                mccMnc: z.string(),
                name: z.string(),
                operator: z.string().nullable(),
                operational: z.boolean(),
              }),
            ),
          }),
          ...schemas.errors,
        },
      },
    },
    async (request) => ({
      networks: networksOfCountry(request.query.country).map(({ operator = null, ...network }) => ({
        ...network,
        operator,
      })),
    }),
  );
}

function isToken(request: FastifyRequest, token: string): boolean {
  const given = hash('sha256', bearerToken(request) ?? '', 'buffer');
  return timingSafeEqual(given, hash('sha256', token, 'buffer'));
}

function shown({ carrier, source, restartNeeded }: CatalogueEntry): z.output<typeof entry> {
  return { carrier: { ...(withoutSecrets(carrier) as object), id: carrier.id }, source, restartNeeded };
}

const secret = /password|token|secret/i;

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !secret.test(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutSecrets(member)]));
}
