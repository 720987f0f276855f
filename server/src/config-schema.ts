import { z } from 'zod';
import { carrierNetwork, catalogueSchema, forwardingSchema, operatorSchema } from './config-carriers.ts';
import { databaseSchema } from './config-database.ts';
import { outboundCallsSchema } from './config-own-calls.ts';
import { sipSchema, tlsFiles } from './config-sip.ts';
import { carrierSmsSchema, smsSchema } from './config-sms.ts';
import { softphonesSchema } from './config-softphones.ts';
import { trunkSchema, uniqueTrunkIds } from './config-trunks.ts';
import { carrierValidation, validationSchema } from './config-validation.ts';

const port = z.int().min(0).max(65535);
const host = z.string().min(1);
const positive = z.int().min(1);
const seconds = z.number().positive();
const e164 = z
  .string()
  .regex(/^\+[1-9]\d{6,14}$/, 'must be a number in E.164 form, such as "+14155559000" (in quotes)');

/** Two ports at least: RTP and RTCP. */
function isPortRange({ min, max }: { min: number; max: number }): boolean {
  return (min === 0 && max === 0) || (min > 0 && max > min);
}

const http = z.strictObject({
  host: host.default('127.0.0.1').describe('Address to listen on'),
  port: port.default(8080).describe('0 takes a free one, here and elsewhere'),
  tls: z
    .strictObject({
      ...tlsFiles,
      redirectPort: port.optional().describe('Plain HTTP that leads to HTTPS; default: none'),
      handshakeTimeoutSeconds: seconds.default(10).describe('Then an unfinished handshake is given up'),
    })
    .optional(),
  publicOrigin: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('How browsers reach the service, such as https://ring.example.org'),
  allowedOrigins: z.array(z.url()).default([]).describe('Further origins whose pages may connect to /sip'),
  trustedProxies: z.array(z.string()).default([]).describe('Addresses whose X-Forwarded-For is believed'),
  bodyLimitBytes: positive.default(65_536).describe('Largest request body'),
  secureCookies: z.boolean().optional().describe('Default: with tls, and when publicOrigin is https'),
  hstsSeconds: z
    .int()
    .min(0)
    .default(31_536_000)
    .describe(
      'Browsers keep to HTTPS for so long (RFC 6797), where publicOrigin is https and a name; 0: no word',
    ),
  requestTimeoutSeconds: seconds.default(30).describe('For a whole request to arrive'),
  idleTimeoutSeconds: seconds.default(120).describe('A connection on which nothing moves is closed'),
  maxConnections: positive.default(5000).describe('HTTP and WebSocket together'),
  maxConnectionsPerAddress: positive.default(500).describe('Of one client; trustedProxies are exempt'),
  newConnectionsPerAddressPerMinute: positive.default(3000).describe('The same; a TLS handshake costs time'),
  eventsHeartbeatSeconds: seconds.default(15).describe('A sign of life on event streams'),
  eventStreamsPerDevice: positive.default(8).describe('Tabs of one browser; the oldest stream ends'),
  requestsPerAddressPerMinute: positive.default(600).describe('To /api; an IPv6 /64 is one address'),
  loginsPerAddressPerMinute: positive.default(30).describe('Sign-ups, logins and codes tried'),
  loginsPerNumberPerHour: positive.default(30).describe('Wrong passwords'),
  metrics: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Prometheus at /metrics'),
      host: host.default('127.0.0.1').describe('Address to listen on, where there is a port'),
      port: port
        .optional()
        .describe(
          'Of /metrics alone; default: http.port, while that is on loopback and without publicOrigin and trustedProxies',
        ),
    })
    .prefault({}),
});

const sipRoute = z.string().regex(/^sips?:[^\s<>,"]+;lr(;[^\s<>,"]*)?$/i, 'must be a SIP URI with ;lr');

const media = z.strictObject({
  host: host.default('127.0.0.1').describe('Address of the media sockets'),
  advertisedHost: host.optional().describe('Address written into SDP, when host is not it'),
  webrtcPort: port.default(10_000).describe('One UDP port for all WebRTC media'),
  rtpPorts: z
    .strictObject({
      min: port.default(10_100).describe('First UDP port of plain RTP; two per leg'),
      max: port.default(10_499).describe('Last one'),
    })
    .refine(isPortRange, 'max must be greater than min (or both 0: any free ports)')
    .prefault({}),
  silenceTimeoutSeconds: seconds.default(20).describe('No packet for so long ends the call'),
});

const calls = z.strictObject({
  ringTimeoutSeconds: seconds.default(30).describe('Then the alerting server takes the call'),
  maxConcurrent: positive.default(200).describe('Calls at once; more are refused with 503'),
  maxConcurrentPerAccount: positive.default(10).describe('Calls of one account at once'),
  maxDurationSeconds: seconds.default(14_400).describe('The longest call'),
  maxDiversions: positive.default(5).describe('A call that was diverted more often goes in circles: 483'),
  carrierVoicemail: z
    .strictObject({
      cancels: z
        .int()
        .min(0)
        .default(3)
        .describe('So many CANCELs in a row after the same time: the carrier answers itself; 0: never'),
      spreadSeconds: seconds.default(1).describe('How far these times may lie apart'),
      minRingSeconds: seconds.default(5).describe('Who gives up sooner is a person'),
    })
    .prefault({}),
});

const alerting = z.strictObject({
  greetingFile: z.string().optional().describe('16-bit PCM WAV; default: the one that comes along'),
  maxMessageSeconds: seconds.default(120).describe('The longest voice message'),
  maxSilenceSeconds: seconds.default(8).describe('Silence that ends a message'),
  minVoiceMs: positive.default(600).describe('Less voice than this is a missed call'),
  maxMessagesPerAccount: positive.default(500).describe('A full mailbox takes no more'),
});

const accounts = z.strictObject({
  passwordMinLength: z.int().min(8).default(8).describe('Characters'),
  passwordMaxLength: positive.default(256).describe('Characters'),
  argon2MemoryKib: z.int().min(8192).default(19_456).describe('Cost of a password hash'),
  argon2Passes: positive.default(2).describe('The same'),
  passwordHashesAtOnce: positive.default(2).describe('Others wait: calls need the processor too'),
  accessTokenMinutes: seconds.default(15).describe('Then the client asks for the next one'),
  refreshGraceSeconds: z
    .number()
    .min(0)
    .default(60)
    .describe('An exchanged refresh token is good again for so long: another tab may have it, too'),
  sessionLifetimeDays: seconds.default(180).describe('Since it was last used'),
  numberlessKeptDays: seconds
    .default(180)
    .describe('An account whose last number went to another one, and that nobody is logged in to'),
  maxDevicesPerAccount: positive.default(20).describe('An idle browser makes room for a new one'),
  maxNumbersPerAccount: positive.default(20).describe('Primary and secondary'),
});

const registration = z.strictObject({
  minExpiresSeconds: positive.default(30).describe('Shorter registrations are refused (423)'),
  maxExpiresSeconds: positive.default(3600).describe('Longer ones are shortened'),
  defaultExpiresSeconds: positive.default(300).describe('When the device does not say'),
  webSocketPingSeconds: seconds
    .default(10)
    .describe('A connection without an answer by the next ping is closed'),
  softphonePingSeconds: z
    .number()
    .min(0)
    .default(15)
    .describe('Softphones are asked (OPTIONS) whether they live; 0: never'),
  softphonePatienceSeconds: seconds.default(10).describe('Without an answer for so long, they do not'),
  softphonePingsPerSecond: positive
    .default(500)
    .describe('Questions at most; with more softphones than that allows each is asked less often'),
  maxCachedDevices: z
    .int()
    .min(0)
    .default(50_000)
    .describe('Devices whose secrets stay in memory, 600 bytes each; others are looked up each time'),
  maxNonces: positive
    .default(1_000_000)
    .describe('Digest nonces in use, up to 64 bytes each; beyond, devices are challenged anew'),
  maxBindingsPerDevice: positive.default(5).describe('Contacts of one SIP user'),
  requirePathSupport: z
    .boolean()
    .default(false)
    .describe('Devices behind a proxy of sip.edges that do not say that they know Path get 420'),
  flowTimerSeconds: z
    .int()
    .min(0)
    .default(120)
    .describe('Devices with several flows (RFC 5626) are told to be heard as often; 0: not told'),
  serviceRoute: z
    .array(sipRoute)
    .default([])
    .describe('SIP URIs that the requests of devices are to pass (RFC 3608)'),
});

const subscriptions = z.strictObject({
  minExpiresSeconds: positive.default(60).describe('Shorter subscriptions are refused (423)'),
  maxExpiresSeconds: z.int().min(1).max(2_000_000).default(3600).describe('Longer ones are shortened'),
  defaultExpiresSeconds: positive.default(3600).describe('When the device does not say'),
  maxPerDevice: positive.default(8).describe('The oldest one makes room'),
  unsolicitedSummary: z
    .boolean()
    .default(false)
    .describe('Softphones that do not subscribe are told of waiting messages all the same'),
});

/** A carrier, in the configuration, a file of carriers or the operators' API. */
export const carrierSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/, 'must be lower-case letters, digits and hyphens'),
  name: z.string().min(1),
  country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166 country code, such as US'),
  family: z.enum(['gsm', 'cdma']),
  prefixes: z
    .array(z.string().regex(/^\+\d{1,15}$/, 'must be a prefix such as "+44" (in quotes)'))
    .default([])
    .describe('Of the numbers it serves; the longest one of all carriers wins'),
  cNumber: e164,
  ringTimeoutSeconds: seconds
    .optional()
    .describe('In place of calls.ringTimeoutSeconds: less than its own no-reply timer'),
  trustIdentity: z.boolean().optional().describe('Believe its P-Asserted-Identity (RFC 3325); true'),
  trunks: z
    .array(trunkSchema)
    .default([])
    .refine(uniqueTrunkIds, 'two trunks have the same id')
    .describe('None: its calls come over the trunk of another'),
  sms: carrierSmsSchema.optional(),
  ...carrierNetwork,
  ...carrierValidation,
});

const lab = z.strictObject({
  enabled: z.boolean().default(true).describe('The carrier in a box, at /lab'),
  sipPort: z
    .int()
    .min(1)
    .max(65_532)
    .default(5070)
    .describe('UDP, of the switch of its first carrier; the others have the next. For the default carriers'),
  smppPort: z
    .int()
    .min(1)
    .max(65_535)
    .default(2775)
    .describe('TCP, of the SMS centre of its carriers. For the default carriers, and for their own sms.smpp'),
  smsToken: z.string().min(16).optional().describe('Default: a new one at every start'),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('warn')
    .describe('trace, debug, info, warn, error or silent'),
  destination: z.string().min(1).default('stderr').describe('stderr, or a file'),
});

function uniqueIds(carriers: z.output<typeof carrierSchema>[]): boolean {
  return new Set(carriers.map((one) => one.id)).size === carriers.length;
}

/** A certificate that anybody could have signed proves nothing. */
function canVerifyTrunks(config: {
  sip: z.output<typeof sipSchema>;
  carriers?: z.output<typeof carrierSchema>[] | undefined;
}): boolean {
  const byCertificate = config.carriers?.some(({ trunks }) => trunks.some(({ tls }) => tls !== undefined));
  return byCertificate !== true || config.sip.tls?.ca !== undefined;
}

const settings = z.strictObject({
  dataDir: z.string().min(1).default('./data').describe('Database, voice messages, key of the installation'),
  database: databaseSchema.prefault({}),
  http: http.prefault({}),
  sip: sipSchema.prefault({}),
  media: media.prefault({}),
  calls: calls.prefault({}),
  outboundCalls: outboundCallsSchema.prefault({}),
  alerting: alerting.prefault({}),
  accounts: accounts.prefault({}),
  validation: validationSchema.prefault({}),
  registration: registration.prefault({}),
  softphones: softphonesSchema.prefault({}),
  subscriptions: subscriptions.prefault({}),
  carriers: z
    .array(carrierSchema)
    .refine(uniqueIds, 'two carriers have the same id')
    .optional()
    .describe('Default: those of the lab'),
  catalogue: catalogueSchema.prefault({}),
  forwarding: forwardingSchema.prefault({}),
  operator: operatorSchema.prefault({}),
  sms: smsSchema.prefault({}),
  lab: lab.prefault({}),
  log: log.prefault({}),
});

/** `ringthrough.yaml`. Every key may be left out. */
export const configSchema = settings.refine(canVerifyTrunks, {
  path: ['carriers'],
  error: 'a trunk with tls needs sip.tls with ca: whose certificates are believed',
});

export type CarrierConfig = z.output<typeof carrierSchema>;
export type ParsedConfig = z.output<typeof configSchema>;

/** What the program runs with: the file and environment with every default filled in. */
export interface Config extends ParsedConfig {
  carriers: CarrierConfig[];
  lab: ParsedConfig['lab'] & { smsToken: string };
}
