import { z } from 'zod';

const port = z.int().min(0).max(65535);
const host = z.string().min(1);
const positive = z.int().min(1);
const seconds = z.number().positive();

/** Of a listener with TLS. */
export const tlsFiles = {
  cert: z.string().min(1).describe('File, PEM: the certificate and those between it and its authority'),
  key: z.string().min(1).describe('File, PEM: its key'),
};

const listener = z.strictObject({
  protocol: z.enum(['udp', 'tcp', 'tls']),
  host,
  port,
  advertisedHost: host.optional(),
});

const sip = z.strictObject({
  host: host.default('127.0.0.1').describe('Address to listen on'),
  port: port.default(5060).describe('UDP and TCP'),
  domain: host.default('localhost').describe('Of the devices’ SIP addresses'),
  advertisedHost: host.optional().describe('Address written into Via and Contact, when host is not it'),
  listeners: z
    .array(listener)
    .min(1)
    .optional()
    .describe(
      'Several addresses, instead of host, port and tls.port: {protocol, host, port, advertisedHost?}',
    ),
  tls: z
    .strictObject({
      port: port.default(5061).describe('TLS, version 1.2 or 1.3'),
      ...tlsFiles,
      ca: z
        .string()
        .min(1)
        .optional()
        .describe('File, PEM: whose certificates are believed; default: Node’s'),
      requireClientCertificate: z
        .boolean()
        .default(false)
        .describe('Mutual TLS: one of ca, or no connection'),
    })
    .optional(),
  dns: z
    .strictObject({
      servers: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('address or address:port; default: those of the system'),
      timeoutMs: positive.default(2000).describe('For one of them to answer'),
      attempts: positive.default(2).describe('How often each is asked'),
      maxEntries: positive.default(5000).describe('Answers that are kept, for as long as their TTL'),
      maxTtlSeconds: seconds.default(86_400).describe('And no longer'),
      staleSeconds: z
        .number()
        .min(0)
        .default(3600)
        .describe('While nobody answers, what was known is used for so long (RFC 8767)'),
      nextServerMs: positive
        .default(4000)
        .describe('A server that has said nothing for so long is left, where there is another one'),
      deadServerSeconds: seconds
        .default(30)
        .describe('One that failed is not the first to be tried for so long, if it did not say how long'),
    })
    .prefault({}),
  webSocketMaxPayloadBytes: positive.default(65_536).describe('Largest message on /sip'),
  webSocketRegisterSeconds: seconds
    .default(30)
    .describe('Then a connection to /sip on which nobody has registered is closed'),
  nonceLifetimeSeconds: seconds.default(300).describe('Of digest challenges'),
  // Telephones of today give up at a challenge that they do not know, even beside one that they do (libre before 2.0,
  // JsSIP, SIPp 3.6). The secrets are 160 random bits, which MD5 keeps as well.
  digestAlgorithms: z
    .array(z.enum(['MD5', 'SHA-256']))
    .min(1)
    .default(['MD5'])
    .describe('RFC 8760: offered to devices, the preferred one first'),
  reliableProvisional: z
    .enum(['off', 'required', 'supported'])
    .default('required')
    .describe(
      'PRACK, RFC 3262: ringing is told reliably to switches that require it, or to all that support it',
    ),
  // RFC 4028 section 4: 90 s at least; a timer of Node holds 24 days.
  sessionTimer: z
    .strictObject({
      enabled: z.boolean().default(true).describe('In calls whose peer knows RFC 4028 too'),
      expiresSeconds: z.int().min(90).max(1_000_000).default(1800).describe('A call without a refresh ends'),
      minSeconds: z.int().min(90).max(1_000_000).default(90).describe('Min-SE; what proposes less gets 422'),
    })
    .prefault({}),
  edges: z
    .array(
      z.strictObject({ host: z.union([z.ipv4(), z.ipv6()], 'must be an IP address'), port: port.optional() }),
    )
    .default([])
    .describe('Proxies that devices register through, {host, port?}: their Path is believed (RFC 3327)'),
  timers: z
    .strictObject({
      t1Ms: positive.optional().describe('T1, estimate of the round trip; 500'),
      t2Ms: positive.optional().describe('T2, longest interval of repetitions; 4000'),
      t4Ms: positive.optional().describe('T4, longest time in the network; 5000'),
      lostFlowMs: positive
        .optional()
        .describe('Time for a device in a call to come back after its connection closed; 30000'),
    })
    .prefault({})
    .describe('RFC 3261 table 4; lostFlowMs: how long a call waits for the device whose connection closed'),
  limits: z
    .strictObject({
      maxMessageBytes: positive.optional().describe('Whole message; 65535'),
      maxHeadBytes: positive.optional().describe('All its headers; 32768'),
      maxHeaderLineBytes: positive.optional().describe('One header; 8192'),
      maxHeaderCount: positive.optional().describe('Number of headers; 256'),
      maxConnections: positive.optional().describe('TCP, TLS and WebSocket; 2000'),
      maxConnectionsPerAddress: positive
        .optional()
        .describe('TCP and TLS, of one peer; WebSockets, of one client; 200'),
      newConnectionsPerAddressPerMinute: positive
        .optional()
        .describe('Of one address: TCP and TLS that it opens in a minute; 3000'),
      maxBufferedBytes: positive.optional().describe('Waiting for one slow connection; 1048576'),
      messageTimeoutMs: positive
        .optional()
        .describe('From the first byte of a message over TCP to its last; 30000'),
      idleConnectionMs: positive.optional().describe('Then an unused connection is closed; 600000'),
      keepAliveMs: positive
        .optional()
        .describe('Then a silent TCP connection is asked whether it lives; 20000'),
      keepAliveTimeoutMs: positive.optional().describe('For its answer; 10000'),
      connectTimeoutMs: positive.optional().describe('For TCP and TLS to open; 5000'),
      maxServerTransactions: positive.optional().describe('Requests in progress; 20000'),
    })
    .prefault({}),
  guard: z
    .strictObject({
      requestsPerSecond: z
        .number()
        .positive()
        .default(20)
        .describe('Of an address where nobody is registered; more are dropped. Trunks are exempt'),
      burst: positive.default(100).describe('At once'),
      failures: positive.default(10).describe('Wrong passwords of one address, then it is banned'),
      failureWindowSeconds: seconds.default(600).describe('Within this time'),
      banSeconds: seconds.default(900).describe('No answer for so long'),
      maxUdpAnswerRatio: z
        .number()
        .positive()
        .default(1)
        .describe('Size of a 401 over UDP by size of the request; where it would be more, there is none'),
      scanners: z
        .array(z.string().min(3))
        .default(['friendly-scanner', 'sipvicious', 'sipcli', 'sip-scan', 'sundayddr', 'pplsip'])
        .describe('In User-Agent or From: no answer'),
    })
    .prefault({}),
  overload: z
    .strictObject({
      targetDelayMs: positive
        .default(100)
        .describe('What a new call may wait while more come than can be carried; then 503'),
      maxDelayMs: positive.default(400).describe('What it may wait in a burst'),
      maxWaiting: positive.default(5000).describe('New calls that may wait'),
      retryAfterSeconds: positive.default(5).describe('What the caller’s switch is asked to wait'),
    })
    .prefault({}),
});

function hasCertificate({ listeners, tls }: z.output<typeof sip>): boolean {
  return tls !== undefined || !listeners?.some(({ protocol }) => protocol === 'tls');
}

/** `sip` in `ringthrough.yaml`: where signalling listens, and its limits. */
export const sipSchema = sip.refine(hasCertificate, {
  path: ['listeners'],
  error: 'a tls listener needs sip.tls with cert and key',
});
