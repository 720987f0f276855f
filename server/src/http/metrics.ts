import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** A number read when somebody looks. */
export interface GaugeSource {
  name: string;
  help: string;
  read: () => number | Promise<number>;
}

/** Seconds; from a cached page to a password hash on a loaded machine. */
const durationBuckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** Prometheus metrics at /metrics. Labels are routes and status classes: bounded, and nobody's data. */
export function exposeMetrics(app: FastifyInstance, gauges: readonly GaugeSource[]): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'ringthrough_http_request_seconds',
    help: 'Duration of HTTP requests',
    labelNames: ['method', 'route', 'status'],
    buckets: durationBuckets,
    registers: [registry],
  });
  for (const { name, help, read } of gauges) {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read());
      },
    });
  }
  app.addHook('onResponse', async (request, reply) => {
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none', status };
    duration.observe(labels, reply.elapsedTime / 1000);
  });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}
