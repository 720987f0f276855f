import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { Problem } from '../../problem.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { loggedIn, sessionOf } from '../session-cookie.ts';
import { callView, voicemailView } from '../views.ts';

const page = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.coerce.number().int().min(0).optional().describe('arrivedAt of the last one seen'),
});

const wav = { description: 'The message, or a part of it', content: { 'audio/wav': { schema: z.any() } } };

/** The call log and the voice messages. */
export function callRoutes(api: Api, { calls, voicemails }: ApiContext): void {
  api.addHook('onRequest', loggedIn);

  api.get(
    '/calls',
    {
      schema: {
        tags: ['calls'],
        summary: 'The call log, newest first',
        querystring: page,
        response: { 200: z.array(schemas.call), ...schemas.errors },
      },
    },
    async (request) => {
      const { limit, before } = request.query;
      const wanted = before === undefined ? { limit } : { limit, before };
      return (await calls.history(sessionOf(request).accountId, wanted)).map(callView);
    },
  );

  api.get(
    '/voicemails',
    {
      schema: {
        tags: ['voicemail'],
        summary: 'Voice messages, newest first',
        response: { 200: z.array(schemas.voicemail), ...schemas.errors },
      },
    },
    async (request) => (await voicemails.voicemails(sessionOf(request).accountId)).map(voicemailView),
  );

  api.get(
    '/voicemails/:id/audio',
    {
      schema: {
        tags: ['voicemail'],
        summary: 'The message as WAV; ranges may be asked for',
        params: schemas.idParams,
        response: { 200: wav, 206: wav, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const path = await voicemails.voicemailAudio(sessionOf(request).accountId, request.params.id);
      if (path === undefined) throw new Problem('no-such-voicemail');
      return reply.sendFile(basename(path), dirname(path), { cacheControl: false });
    },
  );

  api.patch(
    '/voicemails/:id',
    {
      schema: {
        tags: ['voicemail'],
        summary: 'Mark a message as heard',
        params: schemas.idParams,
        body: z.strictObject({ heard: z.literal(true) }),
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const known = await voicemails.markHeard(sessionOf(request).accountId, request.params.id);
      if (!known) throw new Problem('no-such-voicemail');
      return reply.code(204).send();
    },
  );

  api.delete(
    '/voicemails/:id',
    {
      schema: {
        tags: ['voicemail'],
        summary: 'Delete a message',
        params: schemas.idParams,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const known = await voicemails.delete(sessionOf(request).accountId, request.params.id);
      if (!known) throw new Problem('no-such-voicemail');
      return reply.code(204).send();
    },
  );
}
