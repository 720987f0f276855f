import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { notFound, sendProblem } from './problem-replies.ts';

const notBuilt =
  '<!doctype html><title>Ringthrough</title><p>The client is not built yet: run <code>npm start</code>.';

/** Serves the built client. Its own paths (/calls, /settings …) all lead to the one page. */
export async function serveClient(app: FastifyInstance, folder: string): Promise<void> {
  const built = existsSync(join(folder, 'index.html'));
  await app.register(fastifyStatic, {
    root: folder,
    serve: built,
    wildcard: true,
    // Vite puts a hash of the content into the names under assets/: those never change.
    setHeaders: (reply, path) => {
      // sendFile comes here too, with files of others.
      if (!path.startsWith(folder)) return;
      const immutable = path.startsWith(join(folder, 'assets'));
      reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
    cacheControl: false,
  });
  app.setNotFoundHandler((request, reply) => {
    if (!isPage(request.method, request.url, request.headers.accept))
      return sendProblem(reply, notFound(request));
    reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8');
    return built ? reply.sendFile('index.html') : reply.code(503).send(notBuilt);
  });
}

function isPage(method: string, url: string, accept: string | undefined): boolean {
  if (method !== 'GET' || !accept?.includes('text/html')) return false;
  return !/^\/(api|lab|sip|metrics|healthz|assets)(\/|\?|$)/.test(url);
}
