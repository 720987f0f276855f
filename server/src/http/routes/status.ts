import { z } from 'zod';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';

/** For people and programs that look whether the service is there. */
export function statusRoutes(api: Api, { version }: ApiContext): void {
  const startedAt = Date.now();
  const response = {
    200: z.object({ version: z.string(), startedAt: z.number(), uptimeSeconds: z.number() }),
    ...schemas.errors,
  };
  api.get('/status', { schema: { tags: ['status'], summary: 'Version and uptime', response } }, async () => ({
    version,
    startedAt,
    uptimeSeconds: Math.round(process.uptime()),
  }));
}
