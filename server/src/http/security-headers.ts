import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';

/** What our own pages may do: everything from here, nothing from elsewhere. */
const contentSecurityPolicy = [
  "default-src 'self'",
  // Safari before 15.4 does not take 'self' for WebSockets.
  "connect-src 'self' ws: wss:",
  "media-src 'self' blob:",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

export function addSecurityHeaders(app: FastifyInstance, config: Config): void {
  const hsts = strictTransport(config.http);
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    reply.header('cross-origin-opener-policy', 'same-origin');
    reply.header('permissions-policy', 'microphone=(self), camera=(), geolocation=()');
    if (hsts) reply.header('strict-transport-security', hsts);
    if (!reply.hasHeader('content-security-policy')) {
      reply.header('content-security-policy', contentSecurityPolicy);
    }
    if (request.url.startsWith('/api/') && !reply.hasHeader('cache-control')) {
      reply.header('cache-control', 'no-store');
    }
  });
}

/**
 * RFC 6797. Only for a name that is the service's: the word counts for every port of the host, and whoever keeps other
 * things on `localhost` would be shut out of them. Browsers do not take it from IP addresses (section 8.1.1).
 */
function strictTransport({ publicOrigin, hstsSeconds }: Config['http']): string | undefined {
  if (hstsSeconds === 0 || !publicOrigin?.startsWith('https:')) return undefined;
  const { hostname } = new URL(publicOrigin);
  const named = hostname !== 'localhost' && !hostname.startsWith('[') && isIP(hostname) === 0;
  return named ? `max-age=${hstsSeconds}` : undefined;
}
