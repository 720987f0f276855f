import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { FabricEvents } from '../../fabric/index.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { loggedIn, sessionOf } from '../session-cookie.ts';

const types = [
  'account.changed',
  'account.notice',
  'call.changed',
  'device.registered',
  'device.removed',
  'device.unregistered',
  'voicemail.changed',
  'voicemail.stored',
] as const satisfies ReadonlyArray<keyof FabricEvents>;

/**
 * A stream whose reader lags behind this far ends in good order; the reader comes back and fetches afresh. One that does
 * not read at all is closed by `http.idleTimeoutSeconds`.
 */
const maxBufferedBytes = 256 * 1024;

interface Stream {
  accountId: string;
  deviceId: string;
  out: ServerResponse;
}

/** Server-sent events: `event:` is the type, `data:` the ids. They say what to fetch again, and hold nothing else. */
export function eventRoutes(api: Api, { fabric, config }: ApiContext): void {
  const streams = new Set<Stream>();
  const send = (stream: Stream, text: string): void => {
    // Ended for a removed device; its 'close' comes later than the events of the same moment.
    if (stream.out.writableEnded) return;
    if (stream.out.writableLength > maxBufferedBytes) stream.out.end();
    else stream.out.write(text);
  };
  const unsubscribers = types.map((type) =>
    fabric.subscribe(type, ({ accountId, ...data }) => {
      const text = `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
      for (const stream of streams) if (stream.accountId === accountId) send(stream, text);
    }),
  );
  unsubscribers.push(
    fabric.subscribe('device.removed', ({ deviceId }) => {
      for (const stream of streams) if (stream.deviceId === deviceId) stream.out.end();
    }),
  );
  const heartbeat = setInterval(() => {
    for (const stream of streams) send(stream, ': still here\n\n');
  }, config.http.eventsHeartbeatSeconds * 1000);
  api.addHook('preClose', async () => {
    clearInterval(heartbeat);
    for (const unsubscribe of unsubscribers) unsubscribe();
    for (const stream of streams) stream.out.end();
  });

  api.get(
    '/events',
    {
      onRequest: loggedIn,
      schema: {
        tags: ['events'],
        summary: 'Server-sent events',
        description: `Types: ${types.join(', ')}. Data are ids: fetch what they name again.`,
        response: {
          200: {
            description: 'A stream of events',
            content: { 'text/event-stream': { schema: z.string() } },
          },
          ...schemas.errors,
        },
      },
    },
    (request, reply) => {
      const { accountId, deviceId } = sessionOf(request);
      reply.hijack();
      const stream = { accountId, deviceId, out: reply.raw };
      const ofDevice = [...streams].filter((other) => other.deviceId === deviceId);
      if (ofDevice.length >= config.http.eventStreamsPerDevice) ofDevice[0]?.out.end();
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      reply.raw.write('retry: 2000\n\n');
      streams.add(stream);
      reply.raw.on('close', () => streams.delete(stream));
    },
  );
}
