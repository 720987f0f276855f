import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../problem.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';

const carrierParams = z.object({ carrierId: z.string().min(1).max(64) });
const messageId = z.string().min(1).max(128).describe('Of the message; the same id is the same message');
const address = z.string().trim().min(1).max(32);
const states = [
  'enroute',
  'accepted',
  'delivered',
  'expired',
  'deleted',
  'undeliverable',
  'rejected',
  'unknown',
] as const;

/** What carriers without SMPP post to us (docs/sms.md): SMS of people, and receipts. */
export function smsRoutes(api: Api, { smsWebhooks }: ApiContext): void {
  /** Octets as they came: what a signature is made over. */
  const bodies = new WeakMap<FastifyRequest, Buffer>();
  const parseJson = api.getDefaultJsonParser('error', 'error');
  api.removeContentTypeParser('application/json');
  api.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    bodies.set(request, body);
    parseJson(request, body.toString('utf8'), done);
  });
  // After the body is there and before it is looked at: a stranger learns nothing about what would be accepted.
  api.addHook('preValidation', async (request) => {
    const { carrierId = '' } = request.params as { carrierId?: string };
    const header = (name: string) => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    const credentials = {
      authorization: request.headers.authorization,
      signature: header('x-ringthrough-signature'),
      timestamp: header('x-ringthrough-timestamp'),
      body: bodies.get(request) ?? Buffer.alloc(0),
    };
    if (!smsWebhooks.verify(carrierId, credentials)) throw new Problem('bad-webhook-token');
  });

  api.post(
    '/sms/inbound/:carrierId',
    {
      schema: {
        tags: ['carriers'],
        summary: 'A carrier hands over an SMS of a person. It is stored when the answer comes.',
        params: carrierParams,
        body: z.strictObject({ id: messageId, from: address, to: address, text: z.string().max(40_000) }),
        response: {
          202: z.object({ id: z.string(), result: z.enum(['stored', 'duplicate']) }),
          ...schemas.errors,
        },
      },
    },
    async ({ params, body }, reply) => {
      const result = await smsWebhooks.receive({ carrierId: params.carrierId, ...body });
      return reply.code(202).send({ id: body.id, result });
    },
  );

  api.post(
    '/sms/receipts/:carrierId',
    {
      schema: {
        tags: ['carriers'],
        summary: 'A carrier tells what became of an SMS of ours.',
        params: carrierParams,
        body: z.strictObject({
          id: messageId,
          state: z.enum(states),
          error: z.string().max(64).optional().describe('Of the network; no number and no text'),
        }),
        response: { 202: z.object({ id: z.string(), known: z.boolean() }), ...schemas.errors },
      },
    },
    async ({ params, body }, reply) => {
      const known = await smsWebhooks.receipt({ carrierId: params.carrierId, ...body });
      return reply.code(202).send({ id: body.id, known });
    },
  );
}
