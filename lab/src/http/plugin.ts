import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Lab } from '../lab.ts';
import { LabError } from '../model/errors.ts';
import { addXcapRoutes } from '../xcap/routes.ts';
import { AudioSockets } from './audio-socket.ts';
import { EventStream } from './event-stream.ts';
import { answerError } from './problems.ts';
import { addRoutes } from './routes.ts';
import { isSameSite } from './same-site.ts';

export interface LabPluginOptions {
  /** Started already; the plugin does not close it. */
  lab: Lab;
  /** The built page; default `lab/dist`. */
  webRoot?: string;
}

/**
 * The lab's page and API as a Fastify plugin. Register it with a prefix: `app.register(labPlugin({ lab }), { prefix:
 * '/lab' })` gives `/lab/`, `/lab/api/…` and the WebSocket `/lab/api/audio/:callId`. Closing the server ends its streams.
 */
export function labPlugin(options: LabPluginOptions): FastifyPluginAsync {
  return async (app) => {
    const { lab } = options;
    const events = new EventStream(lab);
    const sockets = new AudioSockets(lab, `${app.prefix}/api/audio/`);
    app.server.on('upgrade', sockets.upgrade);
    // Before the server waits for its connections to end, or these would keep it open.
    app.addHook('preClose', async () => {
      app.server.off('upgrade', sockets.upgrade);
      events.close();
      sockets.close();
    });
    await app.register(
      async (api) => {
        api.setErrorHandler(answerError);
        api.addHook('onRequest', async (request) => {
          if (!isSameSite(request.headers))
            throw new LabError('cross-site', 'Only the lab’s own page may ask.');
        });
        api.get('/events', (_request, reply) => events.add(reply));
        addRoutes(api, lab);
      },
      { prefix: '/api' },
    );
    await app.register(async (xcap) => addXcapRoutes(xcap, lab.xcap()), { prefix: '/xcap' });
    await addPage(app, options.webRoot ?? fileURLToPath(new URL('../../dist', import.meta.url)));
  };
}

async function addPage(app: FastifyInstance, root: string): Promise<void> {
  if (!existsSync(root)) {
    app.get('/', (_request, reply) =>
      reply.code(503).type('text/plain').send('The page of the lab is not built yet: npx vite build lab\n'),
    );
    return;
  }
  await app.register(fastifyStatic, { root, decorateReply: false });
  if (app.prefix === '') return;
  // With the query: `/lab?scenario=…` is what people type.
  app.route({
    method: ['GET', 'HEAD'],
    url: '',
    exposeHeadRoute: false,
    handler: (request, reply) => {
      const query = request.url.indexOf('?');
      return reply.redirect(`${app.prefix}/${query < 0 ? '' : request.url.slice(query)}`);
    },
  });
}
