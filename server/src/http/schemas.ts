import { z } from 'zod';
import { problems } from '../problem.ts';

/** What the API takes and gives. Times are unix milliseconds. Everything here shows up in the OpenAPI document. */

export const problemBody = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(problems) as [keyof typeof problems]),
  })
  .describe('RFC 9457 problem details; `code` is stable, the texts are not');

/** Answers that any operation may give. */
export const errors = {
  default: {
    description: 'Problem',
    content: { 'application/problem+json': { schema: problemBody } },
  },
} as const;

export const time = z.number().describe('Unix milliseconds');
export const e164 = z.string().describe('E.164, such as +14155550101');
export const numberInput = z.string().min(1).max(64).describe('A telephone number in any human form');
export const region = z
  .string()
  .length(2)
  .describe('ISO 3166 country of a number without country code')
  .optional();
const name = z.string().trim().min(1).max(80);
export const password = z.string().min(1).max(1024);
export const proof = z.string().min(1).max(128);
export const id = z.string().min(1).max(64);
export const idParams = z.object({ id });
export const numberParams = z.object({ number: numberInput });
export const empty = z.undefined().describe('Done');

export const deviceInput = z.strictObject({
  name: name.describe('How the person recognises it'),
  system: z.string().trim().max(120).default('').describe('Operating system and browser'),
});

export const carrier = z.object({
  id: z.string(),
  name: z.string(),
  country: z.string().describe('ISO 3166'),
  family: z.enum(['gsm', 'cdma']),
  integrated: z.boolean().describe('Its forwarding is switched by us'),
});

const code = z.string().nullable();

export const forwarding = z.object({
  cNumber: e164.describe('Where the carrier forwards calls to'),
  mode: z.enum(['auto', 'manual']).describe('Who switches it: we, or the person by dialling'),
  state: z.enum(['unknown', 'pending', 'active', 'inactive', 'failed']),
  source: z
    .enum(['carrier', 'person', 'check', 'call'])
    .nullable()
    .describe('Who says so: its platform, the person who dialled, a test call, a call that came forwarded'),
  error: z
    .string()
    .nullable()
    .describe(
      'no-answer, busy, bad-answer, not-authorised, unknown-subscriber or refused; also of a look-up that failed',
    ),
  changedAt: time.nullable(),
  noReplySeconds: z.int().nullable().describe('It rings so long before an unanswered call is forwarded'),
  noReplyChoices: z.array(z.int()).describe('The times that can be set; none: the carrier knows one only'),
  commands: z
    .object({
      activate: z.string(),
      deactivate: z.string(),
      status: code,
      noReply: code.describe('With {seconds} in place of the time'),
      deactivateNoReply: code,
    })
    .describe('What to dial on the handset'),
  check: z
    .object({
      state: z.enum(['running', 'verified', 'failed']),
      seen: z
        .enum(['came-back', 'rang', 'carrier-voicemail', 'rejected', 'busy', 'wrong-number', 'nothing'])
        .nullable(),
      at: time,
      cause: z.string().optional(),
    })
    .nullable()
    .describe('The last test call'),
});

export const account = z.object({
  id: z.string(),
  createdAt: time,
  numbers: z.array(
    z.object({
      number: e164,
      primary: z.boolean(),
      carrier: carrier.nullable(),
      answerMode: z.enum(['both', 'voicemail', 'mca']),
      forwarding: forwarding.nullable().describe('Null while the carrier is not known'),
      validatedAt: time,
    }),
  ),
});

export const device = z.object({
  id: z.string(),
  name: z.string(),
  system: z.string(),
  kind: z.enum(['web', 'softphone']),
  registered: z.boolean(),
  lastSeenAt: time.nullable(),
  current: z.boolean().describe('The device that asks'),
  session: z
    .object({ createdAt: time, lastUsedAt: time, expiresAt: time.describe('Unless it is used before') })
    .nullable()
    .describe('The login of a browser; softphones have none'),
});

export const sip = z
  .object({
    user: z.string(),
    password: z.string(),
    domain: z.string(),
    realm: z.string(),
    server: z.string().describe('host:port, UDP and TCP'),
    webSocketPath: z.string(),
  })
  .describe('How the device registers; the password is shown this once');

export const tokens = z
  .object({ accessToken: z.string(), refreshToken: z.string() })
  .partial()
  .describe('For programs that asked for `tokens`; browsers have cookies');

export const wantsTokens = z
  .boolean()
  .default(false)
  .describe('Tokens in the answer in place of cookies: for programs');

export const loggedIn = z.object({
  account,
  device,
  sip,
  expiresAt: time.describe('Of the access token'),
  ...tokens.shape,
});
export const deviceWithSip = z.object({ device, sip });

export const call = z.object({
  id: z.string(),
  number: e164.nullable().describe('The number that was called'),
  caller: z.string().nullable(),
  reason: z.string().nullable().describe('Why the carrier forwarded it'),
  arrivedAt: time,
  answeredAt: time.nullable(),
  endedAt: time.nullable(),
  durationMs: z.number().describe('Since it was answered'),
  outcome: z.string().nullable(),
  device: z.object({ id: z.string(), name: z.string() }).nullable().describe('The device that answered'),
  codecs: z.object({ carrier: z.string().nullable(), client: z.string().nullable() }).nullable(),
  quality: z.unknown(),
});

export const voicemail = z.object({
  id: z.string(),
  number: e164,
  caller: z.string().nullable(),
  storedAt: time,
  durationMs: z.number(),
  heardAt: time.nullable(),
});

export const notice = z.object({
  id: z.string(),
  code: z.string(),
  data: z.record(z.string(), z.string()),
  createdAt: time,
  seenAt: time.nullable(),
});
