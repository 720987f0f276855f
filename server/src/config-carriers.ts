import { z } from 'zod';
import { forwardingCheckSchema } from './config-own-calls.ts';
import { tlsFiles } from './config-sip.ts';

const seconds = z.number().positive();
const host = z.string().min(1);
const secret = z.string().min(1);
const webUrl = z.string().regex(/^https?:\/\/[^\s/]+/, 'must be an http(s) URL');
/** Of an MMI code or feature code, and the places where numbers come in. */
const command = z
  .string()
  .max(64)
  .regex(
    /^([0-9*#+]|\{(cNumber|cDigits|cNational|seconds)\})+$/,
    'must be digits, * and #, with {cNumber}, {cDigits}, {cNational} or {seconds}',
  );

const e164Bound = z
  .string()
  .regex(/^\+[1-9]\d{1,14}$/, 'must be a number such as "+14155550000" (in quotes)');

const range = z
  .strictObject({
    from: e164Bound.describe('The first number'),
    to: e164Bound.describe('The last one, as long as the first'),
  })
  .refine(
    ({ from, to }) => from.length === to.length && from <= to,
    'to must be as long as from, and not less',
  );

/** How a server of the carrier is asked who we are. */
const authentication = {
  username: secret.optional().describe('For Basic or Digest, as the server asks'),
  password: secret.optional().describe('The same'),
  token: secret.optional().describe('Bearer token, instead'),
  tls: z
    .strictObject({
      ca: z.string().min(1).optional().describe('File, PEM: whose certificate is believed; default: Node’s'),
      cert: tlsFiles.cert.optional(),
      key: tlsFiles.key.optional(),
    })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key belong together')
    .optional()
    .describe('Client certificate (mutual TLS), and authority of the server'),
  timeoutSeconds: seconds.max(300).default(10).describe('For an answer'),
};

const together = ({ username, password }: { username?: unknown; password?: unknown }): boolean =>
  (username === undefined) === (password === undefined);

const manual = z.strictObject({ adapter: z.literal('manual') });

const xcap = z
  .strictObject({
    adapter: z.literal('xcap'),
    url: z
      .string()
      .regex(/^(https?:\/\/[^\s/]|\/)/, 'must be an http(s) URL, or a path on this server')
      .describe('XCAP root (RFC 4825), such as https://xcap.carrier.example/xcap-root'),
    user: z
      .string()
      .min(1)
      .default('tel:{number}')
      .describe('XCAP user identifier; {number}: with +, {digits}: without'),
    document: z.string().min(1).default('simservs.xml').describe('In the home directory of the user'),
    target: z
      .string()
      .min(1)
      .default('tel:{cNumber}')
      .describe('What is forwarded to; {cNumber}: with +, {cDigits}: without'),
    selector: z
      .enum(['document', 'node'])
      .default('document')
      .describe('Whether the document is written whole, or its communication-diversion alone'),
    intendedIdentity: z
      .boolean()
      .default(true)
      .describe('Tells whose document it is: X-3GPP-Intended-Identity (3GPP TS 24.109)'),
    ...authentication,
  })
  .refine(together, 'username and password belong together');

const http = z
  .strictObject({
    adapter: z.literal('http'),
    url: webUrl.describe(
      'Webhook that takes {id, action, number, cNumber, noReplySeconds}; see docs/forwarding.md',
    ),
    callbackToken: z
      .string()
      .min(16)
      .optional()
      .describe('Bearer token with which the carrier reports the end of what it takes time for'),
    pollSeconds: seconds
      .default(10)
      .describe('It is asked so often how far it is, while it has not reported'),
    ...authentication,
  })
  .refine(together, 'username and password belong together');

/** How the forwarding of a carrier's numbers is switched. */
export const provisioningSchema = z.discriminatedUnion('adapter', [manual, xcap, http]);

/** Where a carrier's network is, what of it we may drive, and how its subscribers drive it themselves. */
export const carrierNetwork = {
  mccMnc: z
    .array(z.string().regex(/^\d{5,6}$/, 'must be MCC and MNC, such as "310260" (in quotes)'))
    .optional()
    .describe('Its networks (ITU-T E.212)'),
  ranges: z.array(range).optional().describe('Numbers it serves, beside its prefixes'),
  routingNumbers: z
    .array(z.string().regex(/^\+?[0-9A-Fa-f]{2,20}$/, 'must be a routing number or a prefix of one'))
    .optional()
    .describe('How portability lookups name it: prefixes of routing numbers (rn), or SPIDs'),
  provisioning: provisioningSchema
    .optional()
    .describe('How its forwarding is switched; default: by hand (manual)'),
  commands: z
    .strictObject({
      activate: command.optional(),
      deactivate: command.optional(),
      status: command.nullable().optional(),
      noReply: command.nullable().optional(),
      deactivateNoReply: command.nullable().optional(),
    })
    .optional()
    .describe('What people dial, where it differs from the codes of the family; null: there is none'),
  dataPolicy: z
    .strictObject({
      serversMayTalkToDevices: z
        .boolean()
        .describe('Whether its servers may exchange packets with the devices of people'),
    })
    .optional()
    .describe('Default: they may'),
};

/** The list of carriers as operators edit it while the service runs. */
export const catalogueSchema = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .describe('YAML with further carriers: read again when it changes; see docs/carriers.md'),
  portability: z
    .strictObject({
      enum: z
        .strictObject({
          zone: host.default('e164.arpa').describe('Zone of the numbers (RFC 6116)'),
          servers: z
            .array(host)
            .min(1)
            .optional()
            .describe('Name servers, address or address:port; default: those of the system'),
        })
        .optional()
        .describe('Numbers are looked up by ENUM'),
      timeoutMs: z.int().min(1).default(1500).describe('Then the ranges decide'),
      cacheSeconds: seconds.default(3600).describe('An answer is believed for so long'),
      cacheEntries: z.int().min(1).default(10_000).describe('Answers that are kept'),
    })
    .prefault({}),
});

export const forwardingSchema = z.strictObject({
  firstRetrySeconds: seconds.default(5).describe('Doubled each time'),
  maxRetrySeconds: seconds.default(600).describe('At most so long between tries'),
  giveUpAfterSeconds: seconds.default(86_400).describe('Since it was asked for; then the person is told'),
  parallel: z.int().min(1).default(4).describe('Commands to carriers under way at once'),
  check: forwardingCheckSchema.prefault({}),
});

export const operatorSchema = z.strictObject({
  token: z
    .string()
    .min(32)
    .optional()
    .describe('Bearer token of /api/operator, 32 characters at least; default: there is no such API'),
});

export type ProvisioningConfig = z.output<typeof manual> | z.output<typeof xcap> | z.output<typeof http>;
export type XcapConfig = z.output<typeof xcap>;
export type HttpProvisioningConfig = z.output<typeof http>;
export type CatalogueConfig = z.output<typeof catalogueSchema>;
