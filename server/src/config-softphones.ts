import { z } from 'zod';

const seconds = z.number().positive();

export const softphonesSchema = z.strictObject({
  setUpLinkSeconds: seconds
    .max(86_400)
    .default(600)
    .describe('How long the QR code of a new softphone is good; once only'),
  testCallRingSeconds: seconds.max(180).default(30).describe('How long a test call rings it'),
});
