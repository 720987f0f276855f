import { z } from 'zod';

/** Every way to prove a number; see docs/validation.md. Best first, where a carrier says nothing else. */
export const mechanismNames = [
  'sms-code',
  'sms-confirm',
  'spoken-code',
  'keys',
  'missed-call',
  'sms-from-client',
] as const;

/** Languages that people are written and spoken to in. */
export const languages = ['en', 'es', 'fr', 'de', 'hi'] as const;

export type MechanismName = (typeof mechanismNames)[number];
export type Language = (typeof languages)[number];

const positive = z.int().min(1);
const seconds = z.number().positive();
const e164 = z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a number in E.164 form (in quotes)');

export const validationSchema = z.strictObject({
  codeDigits: z.int().min(6).max(10).default(6).describe('Of a code by SMS or call, and of keys to press'),
  codeLifetimeSeconds: seconds.max(3600).default(600).describe('From asking for a proof to the right answer'),
  attempts: positive.max(10).default(5).describe('Wrong answers before it is void'),
  wrongCodesPerNumberPerDay: positive
    .default(30)
    .describe('All codes for it together; then none is sent or taken'),
  proofLifetimeSeconds: seconds.default(900).describe('From the right answer to its use'),
  sendsPerNumberPerHour: positive.default(5).describe('SMS to one number; and calls, counted apart'),
  sendsPerAddressPerHour: positive.default(20).describe('The same, for one client address'),
  sendsPerAccountPerHour: positive.default(10).describe('The same, for one account'),
  sendsPerCountryPerHour: positive.default(300).describe('SMS and calls together, to one country'),
  sendsByCountry: z
    .record(z.string().regex(/^([A-Z]{2}|\+\d{1,3})$/, 'must be a country such as US'), z.int().min(0))
    .default({})
    .describe('In place of it, by ISO 3166 country; 0: none are sent there'),
  sendsPerHour: positive.default(2000).describe('SMS and calls together, to all the world'),
});

/** What a carrier has for the proof of its numbers. */
export const carrierValidation = {
  validation: z
    .array(z.enum(mechanismNames))
    .min(1)
    .optional()
    .describe('How its numbers are proved, best first; default: all that it has the means for'),
  validationNumbers: z
    .strictObject({
      sms: z
        .string()
        .regex(/^(\+[1-9]\d{6,14}|\d{3,8})$/, 'must be a number in E.164 form, or a short code (in quotes)')
        .optional()
        .describe('Where people send an SMS to'),
      missedCall: e164.optional().describe('Where people place a missed call to'),
    })
    .optional(),
  language: z
    .enum(languages)
    .optional()
    .describe('Of its SMS, where the person asks for none; default: that of the country'),
};
