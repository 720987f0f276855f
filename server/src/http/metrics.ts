import type { RequestListener } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Config } from '../config.ts';

/** A number read when somebody looks. */
export type GaugeSource =
  | { name: string; help: string; read: () => number | Promise<number> }
  /** One for each of a bounded set of labels. */
  | {
      name: string;
      help: string;
      labelNames: string[];
      readAll: () => Array<{ labels: Record<string, string>; value: number }>;
    };

/** Seconds; from a cached page to a password hash on a loaded machine. */
const durationBuckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** Prometheus metrics. Labels are routes and status classes: bounded, and nobody's data. */
export function collectMetrics(app: FastifyInstance, gauges: readonly GaugeSource[]): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'ringthrough_http_request_seconds',
    help: 'Duration of HTTP requests',
    labelNames: ['method', 'route', 'status'],
    buckets: durationBuckets,
    registers: [registry],
  });
  for (const source of gauges) {
    const { name, help } = source;
    new Gauge({
      name,
      help,
      labelNames: 'labelNames' in source ? source.labelNames : [],
      registers: [registry],
      async collect() {
        if ('read' in source) this.set(await source.read());
        else for (const { labels, value } of source.readAll()) this.set(labels, value);
      },
    });
  }
  app.addHook('onResponse', async (request, reply) => {
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none', status };
    duration.observe(labels, reply.elapsedTime / 1000);
  });
  return registry;
}

/**
 * Whether /metrics is on the port of the service: only on a machine of one's own, where nobody else gets to that port.
 * What is behind a proxy or on a public address wants `http.metrics.port`.
 */
export function metricsArePublic({ host, publicOrigin, trustedProxies, metrics }: Config['http']): boolean {
  if (!metrics.enabled || metrics.port !== undefined) return false;
  return isLoopback(host) && publicOrigin === undefined && trustedProxies.length === 0;
}

/** /metrics and nothing else, for a port of its own. */
export function metricsListener(registry: Registry): RequestListener {
  return (request, response) => {
    const wanted = (request.method === 'GET' || request.method === 'HEAD') && request.url === '/metrics';
    if (!wanted) {
      response.writeHead(404, { 'content-length': 0 }).end();
      return;
    }
    registry.metrics().then(
      (text) =>
        response
          .writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' })
          .end(request.method === 'GET' ? text : undefined),
      () => response.writeHead(500, { 'content-length': 0 }).end(),
    );
  };
}

const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/.test(host);
