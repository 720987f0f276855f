import { z } from 'zod';

const positive = z.int().min(1);
const seconds = z.number().positive();
const host = z.string().min(1);
const sipUri = z.string().regex(/^sips?:[^\s<>]+$/i, 'must be a SIP URI, such as sip:sbc.carrier.example');
const trunkId = z.string().regex(/^[a-z0-9-]+$/, 'must be lower-case letters, digits and hyphens');

/** Headers that rules of a trunk may change; besides them, any `X-` header. Nothing that routing or dialogs need. */
export const changeableHeaders = [
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'Remote-Party-ID',
  'Diversion',
  'History-Info',
  'Privacy',
  'User-Agent',
  'Server',
  'Organization',
  'Subject',
  'P-Charging-Vector',
  'P-Access-Network-Info',
  'P-Early-Media',
] as const;

/** Headers that a rule may copy from, besides those that it may change. */
export const copyableHeaders = [
  ...changeableHeaders,
  'From',
  'To',
  'P-Called-Party-ID',
  'Request-URI',
] as const;

const named = (names: readonly string[]) => {
  const known = new Map(names.map((name) => [name.toLowerCase(), name]));
  return z.string().transform((text, context) => {
    const name = known.get(text.toLowerCase()) ?? (/^x-[a-z0-9-]+$/i.test(text) ? text : undefined);
    if (name !== undefined) return name;
    context.addIssue({ code: 'custom', message: `must be one of ${names.join(', ')} or X-…` });
    return z.NEVER;
  });
};

const changeable = named(changeableHeaders);

const headerRule = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('remove'), header: changeable }),
  z.strictObject({
    do: z.literal('set'),
    header: changeable,
    // Printable, and never a line break.
    value: z.string().regex(/^[^\p{Cc}]+$/u, 'must be one line of text'),
  }),
  z.strictObject({ do: z.literal('copy'), header: changeable, from: named(copyableHeaders) }),
]);

const headerRules = z.array(headerRule);

const credentials = z.strictObject({
  username: z.string().min(1).describe('Of its credentials'),
  password: z.string().min(1).describe('The same'),
});

const outbound = z.strictObject({
  uri: sipUri.describe(
    'Where its switch is: located by DNS (RFC 3263) where it names no address and no port',
  ),
  priority: z.int().min(0).default(1).describe('The lowest goes first; a higher one while those fail'),
  weight: z.int().min(0).default(1).describe('Share of the calls among equals'),
  username: z.string().min(1).optional().describe('For its 401 and 407'),
  password: z.string().min(1).optional().describe('The same'),
  register: z
    .strictObject({
      address: sipUri.describe('The address of record, such as sip:15550100@carrier.example'),
      expiresSeconds: positive.default(600).describe('Asked for; refreshed before'),
    })
    .optional()
    .describe('We register with it, and it is up only as long as that holds'),
  fromDomain: host.optional().describe('Behind our number in From; default: the host of uri'),
  scheme: z.enum(['sip', 'tel']).default('sip').describe('Of the numbers in To, From and Request-URI'),
  userPhone: z.boolean().default(true).describe('With user=phone, in SIP URIs'),
  headers: headerRules.default([]).describe('Rules for our INVITEs'),
  optionsSeconds: z
    .number()
    .min(0)
    .default(30)
    .describe('It is asked whether it is there (OPTIONS); 0: never'),
  upAfter: positive.default(2).describe('Answers in a row that make it up again'),
  downAfter: positive
    .default(2)
    .describe('Missing answers in a row that make it down; one call that failed does'),
  answerSeconds: seconds
    .default(4)
    .describe('Without any answer to an INVITE for so long, the next trunk is tried'),
  downSeconds: seconds.default(30).describe('Down for so long at least, where it did not say (Retry-After)'),
});

function provesItself(trunk: {
  host?: unknown;
  digest?: unknown;
  tls?: unknown;
  outbound?: unknown;
}): boolean {
  return [trunk.host, trunk.digest, trunk.tls, trunk.outbound].some((part) => part !== undefined);
}

/** One trunk of a carrier: who its calls come from, and where calls to it go. */
export const trunkSchema = z
  .strictObject({
    id: trunkId.optional().describe('In logs and metrics; default: its place in the list, 1 for the first'),
    host: z
      .union(
        [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()],
        'must be an IP address, or a block such as 192.0.2.0/28',
      )
      .optional()
      .describe('Its calls come from this address, or block of addresses'),
    port: z.int().min(1).max(65_535).optional().describe('And from this port'),
    digest: credentials.optional().describe('Its INVITEs are challenged (407), and answer with these'),
    tls: z
      .strictObject({ name: host.describe('In its client certificate, as DNS name or sip URI (RFC 5922)') })
      .optional()
      .describe('Its calls come over TLS with a certificate that sip.tls.ca has signed'),
    maxConcurrentCalls: positive.optional().describe('Both ways together; more are answered 503'),
    maxCallsPerSecond: z.number().min(1).optional().describe('Both ways together; the same'),
    numberFormat: z
      .enum(['e164', 'e164-no-plus', 'national'])
      .optional()
      .describe('How it writes numbers, and how they are written to it; e164'),
    identity: z
      .enum(['p-asserted-identity', 'remote-party-id'])
      .optional()
      .describe('Where it vouches for the caller; p-asserted-identity'),
    headers: headerRules.optional().describe('Rules for its INVITEs, before they are read'),
    outbound: outbound.optional().describe('Calls of ours go there; absent: none do'),
  })
  .refine(provesItself, 'needs host, digest or tls (who its calls come from), or outbound')
  .refine(({ host: from, port }) => port === undefined || from !== undefined, {
    path: ['port'],
    error: 'means nothing without host',
  })
  .refine(({ outbound: to }) => (to?.username === undefined) === (to?.password === undefined), {
    path: ['outbound'],
    error: 'username and password belong together',
  })
  .refine(({ outbound: to }) => to?.register === undefined || to.username !== undefined, {
    path: ['outbound', 'register'],
    error: 'needs username and password',
  });

/** Trunks without a name have their place in the list as theirs. */
export const trunkIdAt = ({ id }: { id?: string | undefined }, index: number): string =>
  id ?? String(index + 1);

export function uniqueTrunkIds(trunks: ReadonlyArray<{ id?: string | undefined }>): boolean {
  return new Set(trunks.map(trunkIdAt)).size === trunks.length;
}

export type TrunkConfig = z.output<typeof trunkSchema>;
export type OutboundTrunkConfig = z.output<typeof outbound>;
export type HeaderRule = z.output<typeof headerRule>;
