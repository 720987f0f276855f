import type { FastifyRequest } from 'fastify';

/** RFC 6750 section 2.1, of machines that have a token from the configuration. */
export function bearerToken(request: FastifyRequest): string | undefined {
  return /^Bearer +([\w.~+/=-]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1];
}
