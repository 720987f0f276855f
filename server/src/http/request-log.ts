import type { FastifyInstance } from 'fastify';
import type { Logger } from '../log.ts';

/** One line per request: the route's pattern instead of the URL, which may hold numbers and ids. */
export function logRequests(app: FastifyInstance, log: Logger): void {
  app.addHook('onResponse', async (request, reply) => {
    const line = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    if (reply.statusCode >= 500) log.warn(line, 'request');
    else log.info(line, 'request');
  });
}
