import { z } from 'zod';

const port = z.int().min(0).max(65535);
const realPort = z.int().min(1).max(65535);
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
  host: host.default('127.0.0.1'),
  port: port.default(8080),
  publicOrigin: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('How browsers reach the service, such as https://ring.example.org'),
  allowedOrigins: z.array(z.url()).default([]).describe('Further origins whose pages may connect to /sip'),
  trustedProxies: z.array(z.string()).default([]).describe('Addresses whose X-Forwarded-For is believed'),
  bodyLimitBytes: positive.default(65_536),
  secureCookies: z.boolean().optional().describe('Default: when publicOrigin is https'),
  requestTimeoutSeconds: seconds.default(30).describe('For a whole request to arrive'),
  maxConnections: positive.default(5000).describe('HTTP and WebSocket together'),
  eventsHeartbeatSeconds: seconds.default(15),
  eventStreamsPerDevice: positive.default(8).describe('Tabs of one browser; the oldest stream ends'),
  requestsPerAddressPerMinute: positive.default(600),
  loginsPerAddressPerMinute: positive.default(30),
  loginsPerNumberPerHour: positive.default(30),
  metrics: z.boolean().default(true),
});

const sip = z.strictObject({
  host: host.default('127.0.0.1'),
  port: port.default(5060),
  domain: host.default('localhost'),
  advertisedHost: host.optional().describe('Address written into Via and Contact, when host is not it'),
  webSocketMaxPayloadBytes: positive.default(65_536),
  nonceLifetimeSeconds: seconds.default(300),
  // Telephones of today give up at a challenge that they do not know, even beside one that they do (libre before 2.0,
  // JsSIP, SIPp 3.6). The secrets are 160 random bits, which MD5 keeps as well.
  digestAlgorithms: z
    .array(z.enum(['MD5', 'SHA-256']))
    .min(1)
    .default(['MD5'])
    .describe('RFC 8760: offered to devices, the preferred one first'),
  timers: z
    .strictObject({
      t1Ms: positive.optional(),
      t2Ms: positive.optional(),
      t4Ms: positive.optional(),
      lostFlowMs: positive.optional(),
    })
    .prefault({})
    .describe('RFC 3261 table 4; lostFlowMs: how long a call waits for the device whose connection closed'),
  limits: z
    .strictObject({
      maxMessageBytes: positive.optional(),
      maxHeadBytes: positive.optional(),
      maxHeaderLineBytes: positive.optional(),
      maxHeaderCount: positive.optional(),
      maxConnections: positive.optional(),
      maxConnectionsPerAddress: positive.optional(),
      maxBufferedBytes: positive.optional(),
      idleConnectionMs: positive.optional(),
      connectTimeoutMs: positive.optional(),
      maxServerTransactions: positive.optional(),
    })
    .prefault({}),
});

const media = z.strictObject({
  host: host.default('127.0.0.1'),
  advertisedHost: host.optional(),
  webrtcPort: port.default(10_000).describe('One UDP port for all WebRTC media'),
  rtpPorts: z
    .strictObject({ min: port.default(10_100), max: port.default(10_499) })
    .refine(isPortRange, 'max must be greater than min (or both 0: any free ports)')
    .prefault({}),
  silenceTimeoutSeconds: seconds.default(20),
  workers: positive.default(1),
});

const calls = z.strictObject({
  ringTimeoutSeconds: seconds.default(30),
  maxConcurrent: positive.default(200),
  maxConcurrentPerAccount: positive.default(10),
  maxDurationSeconds: seconds.default(14_400),
});

const alerting = z.strictObject({
  greetingFile: z.string().optional().describe('16-bit PCM WAV'),
  maxMessageSeconds: seconds.default(120),
  maxSilenceSeconds: seconds.default(8),
  minVoiceMs: positive.default(600),
  maxMessagesPerAccount: positive.default(500),
});

const accounts = z.strictObject({
  passwordMinLength: z.int().min(8).default(8),
  passwordMaxLength: positive.default(256),
  argon2MemoryKib: z.int().min(8192).default(19_456),
  argon2Passes: positive.default(2),
  sessionLifetimeDays: seconds.default(180).describe('Since it was last used'),
  maxDevicesPerAccount: positive.default(20),
  maxNumbersPerAccount: positive.default(20),
});

const validation = z.strictObject({
  codeDigits: z.int().min(4).max(8).default(6),
  codeLifetimeSeconds: seconds.default(600),
  attempts: positive.default(5),
  proofLifetimeSeconds: seconds.default(900),
  sendsPerNumberPerHour: positive.default(5),
  sendsPerAddressPerHour: positive.default(20),
  sendsPerAccountPerHour: positive.default(10),
});

const registration = z.strictObject({
  minExpiresSeconds: positive.default(30),
  maxExpiresSeconds: positive.default(3600),
  defaultExpiresSeconds: positive.default(300),
  webSocketPingSeconds: seconds.default(10),
  maxBindingsPerDevice: positive.default(5),
});

const sms = z.strictObject({
  url: z
    .string()
    .regex(/^(https?:\/\/|\/)/, 'must be an http(s) URL, or a path on this server')
    .describe('Webhook that takes {id, from, to, text}; see docs/sms.md'),
  token: z.string().min(1).describe('Sent as bearer token'),
  from: z.string().min(1).optional().describe('Sender shown on the handset'),
});

const smsOutbox = z.strictObject({
  firstRetrySeconds: seconds.default(2),
  maxRetrySeconds: seconds.default(300),
  giveUpAfterSeconds: seconds.default(86_400),
  timeoutSeconds: seconds.default(10),
  parallel: positive.default(8),
});

const carrier = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/, 'must be lower-case letters, digits and hyphens'),
  name: z.string().min(1),
  country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166 country code, such as US'),
  family: z.enum(['gsm', 'cdma']),
  prefixes: z.array(z.string().regex(/^\+\d{1,15}$/, 'must be a prefix such as "+44" (in quotes)')).min(1),
  cNumber: e164,
  trunks: z
    .array(
      z.strictObject({
        host: z.union([z.ipv4(), z.ipv6()], 'must be an IP address'),
        port: realPort.optional(),
      }),
    )
    .min(1),
  sms: sms.optional(),
});

const lab = z.strictObject({
  enabled: z.boolean().default(true),
  smsToken: z.string().min(16).optional().describe('Default: a new one at every start'),
});

const log = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('warn'),
  destination: z.string().min(1).default('stderr').describe('stderr, or a file'),
});

function uniqueIds(carriers: z.output<typeof carrier>[]): boolean {
  return new Set(carriers.map((one) => one.id)).size === carriers.length;
}

/** `ringthrough.yaml`. Every key may be left out. */
export const configSchema = z.strictObject({
  dataDir: z.string().min(1).default('./data'),
  http: http.prefault({}),
  sip: sip.prefault({}),
  media: media.prefault({}),
  calls: calls.prefault({}),
  alerting: alerting.prefault({}),
  accounts: accounts.prefault({}),
  validation: validation.prefault({}),
  registration: registration.prefault({}),
  carriers: z.array(carrier).refine(uniqueIds, 'two carriers have the same id').optional(),
  sms: smsOutbox.prefault({}),
  lab: lab.prefault({}),
  log: log.prefault({}),
});

export type CarrierConfig = z.output<typeof carrier>;
export type ParsedConfig = z.output<typeof configSchema>;

/** What the program runs with: the file and environment with every default filled in. */
export interface Config extends ParsedConfig {
  carriers: CarrierConfig[];
  lab: ParsedConfig['lab'] & { smsToken: string };
}
