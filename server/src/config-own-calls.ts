import { z } from 'zod';

const positive = z.int().min(1);
const seconds = z.number().positive();

/** Calls that the system itself makes. */
export const outboundCallsSchema = z.strictObject({
  maxConcurrent: positive
    .default(20)
    .describe('Calls of the system’s own at once: codes read out, keys asked for, forwarding checks'),
  ringTimeoutSeconds: seconds.default(45).describe('Without an answer for so long, it is given up'),
  maxDurationSeconds: seconds.default(90).describe('The longest, from its answer'),
});

/** Test calls that have to come back on the C number. */
export const forwardingCheckSchema = z.strictObject({
  timeoutSeconds: seconds.default(30).describe('It has to be back by then'),
  ringSeconds: z
    .number()
    .min(0)
    .default(8)
    .describe('A phone that is on rings so long; then it is said that it rang'),
  perNumberPerHour: positive.default(10).describe('Asked for by its owner'),
  schedule: z
    .strictObject({
      everyDays: seconds
        .default(7)
        .describe(
          'A number that was verified is checked again after so long; giving `schedule` switches it on, and each check is a call that the carrier may charge',
        ),
      perDay: positive.default(200).describe('In all, one at a time and evenly over these hours'),
      fromHour: z.int().min(0).max(23).default(9).describe('Of the day, in the time of this server'),
      toHour: z.int().min(1).max(24).default(20).describe('Before this hour'),
      ringSeconds: z.number().min(0).default(1).describe('A phone that is on rings so long, for nothing'),
    })
    .refine(({ fromHour, toHour }) => fromHour < toHour, 'fromHour must be before toHour')
    .optional()
    .describe('Checks without being asked; default: none'),
});
