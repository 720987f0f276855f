import { z } from 'zod';

const positive = z.int().min(1);
const seconds = z.number().positive();
const octet = z.int().min(0).max(255);
/** A C-octet string of so many octets with its zero (SMPP 3.4 section 3.1). */
const cString = (octets: number) =>
  z
    .string()
    .max(octets - 1)
    // Printable ASCII.
    .regex(/^[\x20-\x7e]*$/, 'must be plain ASCII');

const smpp = z.strictObject({
  host: z.string().min(1).describe('Of the SMS centre'),
  port: z.int().min(1).max(65_535).default(2775).describe('Of the SMS centre'),
  systemId: cString(16).min(1).describe('Our name there'),
  password: cString(9).default('').describe('SMPP 3.4 leaves room for eight characters'),
  systemType: cString(13).default('').describe('Where the SMS centre wants one'),
  bind: z
    .enum(['transceiver', 'transmitter-receiver', 'transmitter', 'receiver'])
    .default('transceiver')
    .describe('One connection for both ways, one for each, or for one way only'),
  tls: z
    .strictObject({
      ca: z
        .string()
        .min(1)
        .optional()
        .describe('File, PEM: whose certificates are believed; default: Node’s'),
      serverName: z.string().min(1).optional().describe('In its certificate; default: host'),
      cert: z.string().min(1).optional().describe('File, PEM: our certificate, where it wants one'),
      key: z.string().min(1).optional().describe('File, PEM: its key'),
    })
    .optional()
    .describe('SMPP over TLS; {} for the defaults'),
  addressRange: cString(41)
    .default('')
    .describe('The numbers whose messages we take, where it asks for them'),
  sourceTon: octet
    .optional()
    .describe('Type of our number; default: by its form (1 +E.164, 5 name, 3 short)'),
  sourceNpi: octet.optional().describe('Plan of our number; default: the same'),
  destinationTon: octet.optional().describe('Type of the recipient’s; default: by numberFormat'),
  destinationNpi: octet.default(1).describe('Plan of the recipient’s'),
  numberFormat: z
    .enum(['e164', 'e164-no-plus', 'national'])
    .default('e164-no-plus')
    .describe('How recipients are written; E.164 has TON 1, national numbers TON 2'),
  serviceType: cString(6).default('').describe('Where the SMS centre wants one'),
  longMessages: z
    .enum(['udh', 'sar', 'payload'])
    .default('udh')
    .describe('Headers for the handset, sar_* parameters, or all in one message_payload'),
  gsmCoding: z
    .union([z.literal(0), z.literal(1)])
    .default(0)
    .describe('data_coding of the GSM alphabet'),
  window: positive.max(1000).default(10).describe('Messages (parts) without an answer at once'),
  messagesPerSecond: z.number().positive().optional().describe('At most; default: as it answers'),
  receipts: z.boolean().default(true).describe('Ask for delivery receipts'),
  enquireLinkSeconds: seconds.default(30).describe('A silent connection is asked whether it lives'),
  answerSeconds: seconds.default(10).describe('For an answer to anything'),
  firstReconnectSeconds: seconds.default(1).describe('Doubled each time, and a little at random'),
  maxReconnectSeconds: seconds.default(60).describe('At most so long'),
  throttledSeconds: seconds
    .default(1)
    .describe('Pause when it says that it has too much; doubled while it does'),
  maxThrottledSeconds: seconds.default(60).describe('At most so long'),
});

const sms = z.strictObject({
  url: z
    .string()
    .regex(/^(https?:\/\/|\/)/, 'must be an http(s) URL, or a path on this server')
    .optional()
    .describe('Webhook that takes {id, from, to, text}; see docs/sms.md'),
  token: z.string().min(1).optional().describe('Sent as bearer token'),
  smpp: smpp.optional().describe('Instead of url and token: SMPP 3.4'),
  from: z.string().min(1).max(20).optional().describe('Sender shown on the handset; default: the C number'),
  inboundToken: z
    .string()
    .min(16)
    .optional()
    .describe('Bearer token, and key of signatures, of what comes in by webhook; default: nothing may'),
  validitySeconds: seconds.optional().describe('How long the carrier tries; default: as long as we do'),
});

function hasOneWay({ url, token, smpp: overSmpp }: z.output<typeof sms>): boolean {
  return overSmpp ? url === undefined && token === undefined : url !== undefined && token !== undefined;
}

/** `sms` of a carrier: how its SMS centre is reached. */
export const carrierSmsSchema = sms.refine(hasOneWay, 'needs url and token, or smpp');

/** `sms` in `ringthrough.yaml`: the outbox and the inbox. */
export const smsSchema = z.strictObject({
  firstRetrySeconds: seconds.default(2).describe('Doubled each time'),
  maxRetrySeconds: seconds.default(300).describe('At most so long between tries'),
  giveUpAfterSeconds: seconds.default(86_400).describe('Since it was written'),
  timeoutSeconds: seconds.default(10).describe('For an answer of the carrier'),
  parallel: positive.default(8).describe('SMS under way to one carrier at once'),
  alarmAfterSeconds: seconds.default(60).describe('The log tells of a connection that is down for so long'),
  partsSeconds: seconds
    .default(600)
    .describe('The parts of a long message that came in wait so long for the others'),
  duplicateSeconds: seconds
    .default(300)
    .describe('The same SMS over a new SMPP connection within this time is one sent again'),
});

export type CarrierSmsConfig = z.output<typeof carrierSmsSchema>;
export type SmppConfig = z.output<typeof smpp>;
