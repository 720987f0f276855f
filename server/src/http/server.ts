import type { RequestListener } from 'node:http';
import fastifyCookie from '@fastify/cookie';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Config } from '../config.ts';
import { clientAddress } from './client-address.ts';
import type { Api, ApiContext, ApiServices } from './context.ts';
import { collectMetrics, type GaugeSource, metricsArePublic, metricsListener } from './metrics.ts';
import { describeApi } from './openapi.ts';
import { replyWithProblems, sendProblem, toProblem } from './problem-replies.ts';
import { createRateLimits } from './rate-limits.ts';
import { logRequests } from './request-log.ts';
import { accountRoutes } from './routes/account.ts';
import { callRoutes } from './routes/calls.ts';
import { carrierRoutes } from './routes/carriers.ts';
import { deviceRoutes } from './routes/devices.ts';
import { eventRoutes } from './routes/events.ts';
import { forwardingRoutes } from './routes/forwarding.ts';
import { noticeRoutes } from './routes/notices.ts';
import { operatorRoutes } from './routes/operator.ts';
import { ownerRoutes } from './routes/owner.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { smsRoutes } from './routes/sms.ts';
import { softphoneRoutes, softphoneSetUpRoutes } from './routes/softphones.ts';
import { statusRoutes } from './routes/status.ts';
import { validationRoutes } from './routes/validations.ts';
import { addSecurityHeaders } from './security-headers.ts';
import { authenticate } from './session-cookie.ts';
import { serveClient } from './static-client.ts';
import { WebServers } from './web-servers.ts';

export interface HttpServerOptions extends ApiServices {
  /** The built client. */
  clientFolder: string;
  gauges: readonly GaugeSource[];
  /** Makes the sockets' side; plain HTTP with the limits of the configuration when absent. */
  servers?: WebServers;
  /** Registered before the server is ready: the lab. */
  plugins?: ReadonlyArray<(app: FastifyInstance) => Promise<void>>;
}

export interface HttpServer {
  /** The owner calls `listen` and `close`. */
  app: FastifyInstance;
  /** For a port of its own; undefined: without metrics, or they are on the port of the service. */
  metrics: RequestListener | undefined;
}

/** REST API, event stream, static client, metrics. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, log } = options;
  const servers = options.servers ?? new WebServers(config.http);
  const app = Fastify({
    logger: false,
    serverFactory: (listener) => servers.create(listener),
    bodyLimit: config.http.bodyLimitBytes,
    trustProxy: config.http.trustedProxies.length > 0 ? [...config.http.trustedProxies] : false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    // A URL that cannot be decoded never reaches a route or the error handler.
    frameworkErrors: (error, _request, reply) => sendProblem(reply, toProblem(error)),
  });
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('session', null);
  app.decorateRequest('staleSession', false);
  replyWithProblems(app, log);
  addSecurityHeaders(app, config);
  logRequests(app, log);
  const metrics = config.http.metrics.enabled ? addMetrics(app, config, options.gauges) : undefined;
  await app.register(fastifyCookie);
  await describeApi(app, options.version);
  await app.register(apiPlugin({ ...options, limits: createRateLimits(config.http) }), { prefix: '/api' });
  app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok' }));
  for (const plugin of options.plugins ?? []) await plugin(app);
  await serveClient(app, options.clientFolder);
  await app.ready();
  return { app, metrics };
}

function addMetrics(
  app: FastifyInstance,
  { http }: Config,
  gauges: readonly GaugeSource[],
): RequestListener | undefined {
  const registry = collectMetrics(app, gauges);
  if (!metricsArePublic(http)) return metricsListener(registry);
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  return undefined;
}

function apiPlugin(context: ApiContext): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    // Here and not on the root: guests describe their routes in their own way.
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    const api: Api = app.withTypeProvider<ZodTypeProvider>();
    api.addHook('onRequest', async (request) => {
      context.limits.requestsByAddress.take(clientAddress(request.ip));
      await authenticate(request, context.accounts);
    });
    const open = [
      validationRoutes,
      sessionRoutes,
      statusRoutes,
      carrierRoutes,
      softphoneSetUpRoutes,
      eventRoutes,
    ];
    for (const routes of open) routes(api, context);
    const guarded = [
      operatorRoutes,
      accountRoutes,
      ownerRoutes,
      forwardingRoutes,
      deviceRoutes,
      softphoneRoutes,
      callRoutes,
      noticeRoutes,
    ];
    // In a scope of its own: it keeps the octets of its requests.
    api.register(async (scope) => smsRoutes(scope.withTypeProvider<ZodTypeProvider>(), context));
    // Each in a scope of its own: they add a hook that wants a session.
    for (const routes of guarded) {
      api.register(async (scope) => routes(scope.withTypeProvider<ZodTypeProvider>(), context));
    }
  };
}
