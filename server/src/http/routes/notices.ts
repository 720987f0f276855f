import { z } from 'zod';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { loggedIn, sessionOf } from '../session-cookie.ts';

const tags = ['account'];

/** What the person has to be told. */
export function noticeRoutes(api: Api, { accounts }: ApiContext): void {
  api.addHook('onRequest', loggedIn);

  api.get(
    '/notices',
    {
      schema: {
        tags,
        summary: 'Newest first',
        response: { 200: z.array(schemas.notice), ...schemas.errors },
      },
    },
    async (request) => {
      const notices = await accounts.notices.list(sessionOf(request).accountId);
      return notices.map((notice) => ({ ...notice, seenAt: notice.seenAt ?? null }));
    },
  );

  api.post(
    '/notices/:id/seen',
    {
      schema: {
        tags,
        summary: 'The person has seen it',
        params: schemas.idParams,
        response: { 204: schemas.empty, ...schemas.errors },
      },
    },
    async (request, reply) => {
      await accounts.notices.markSeen(sessionOf(request).accountId, request.params.id);
      return reply.code(204).send();
    },
  );
}
