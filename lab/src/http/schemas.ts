import { coverages } from '../model/types.ts';

/** JSON schemas of the request bodies; Fastify checks them before a route runs. */
const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const;

const body = <T extends Record<string, object>>(properties: T, required = Object.keys(properties)) => ({
  body: { type: 'object', properties, required, additionalProperties: false },
});

export const coverageSchema = body({ coverage: { type: 'string', enum: coverages } });
export const dialSchema = body(
  { number: text(64), ringMs: { type: 'integer', minimum: 0, maximum: 60_000 } },
  ['number'],
);
export const voicemailSchema = body({ on: { type: 'boolean' } });
export const sendSmsSchema = body({ to: text(32), text: text(2000) });
export const keysSchema = body({ keys: text(32) });
export const carrierSchema = body(
  {
    redirection: { type: 'string', enum: ['diversion', 'history-info', 'both', 'none'] },
    sms: { type: 'string', enum: ['up', 'throttled', 'down'] },
    provisioning: { type: 'string', enum: ['up', 'down'] },
    trunk: { type: 'string', enum: ['up', 'down'] },
  },
  [],
);
export const smsSchema = body({ id: text(128), from: text(32), to: text(32), text: text(2000) });

export const speakSchema = {
  body: {
    type: 'object',
    oneOf: [
      { properties: { prompt: text(32) }, required: ['prompt'], additionalProperties: false },
      {
        properties: {
          toneHz: { type: 'number', minimum: 50, maximum: 3900 },
          durationMs: { type: 'number', minimum: 20, maximum: 120_000 },
        },
        required: ['toneHz', 'durationMs'],
        additionalProperties: false,
      },
    ],
  },
};
