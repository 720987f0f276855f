/** What is known of a header field's name. */
export interface HeaderName {
  /** Lower case, long form: what is compared. */
  readonly key: string;
  /** As it is written: the usual long form, or as received when we do not know the header. */
  readonly name: string;
  /** The grammar is a comma-separated list, so one line may hold several values. */
  readonly list: boolean;
  /** In our table, so certainly a token. */
  readonly known: boolean;
}

/** Header fields whose grammar is a list of values. The authentication headers are not (RFC 3261 7.3.1). */
const listNames = `Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority Alert-Info Allow
  Allow-Events Call-Info Contact Content-Encoding Content-Language Diversion Error-Info Feature-Caps Geolocation
  History-Info In-Reply-To P-Asserted-Identity P-Associated-URI P-Early-Media P-Preferred-Identity
  P-Visited-Network-ID Path Permission-Missing Proxy-Require Reason Record-Route Recv-Info Reject-Contact
  Request-Disposition Require Resource-Priority Route Security-Client Security-Server Security-Verify Service-Route
  Supported Trigger-Consent Unsupported Via Warning`;

const singleNames = `Answer-Mode Authentication-Info Authorization Call-ID Content-Disposition Content-ID
  Content-Length Content-Transfer-Encoding Content-Type CSeq Date Event Expires Flow-Timer From Identity
  Identity-Info Info-Package Join Max-Breadth Max-Forwards MIME-Version Min-Expires Min-SE Organization
  P-Access-Network-Info P-Called-Party-ID P-Charging-Vector Priority Privacy Proxy-Authenticate
  Proxy-Authorization RAck Refer-Sub Refer-To Referred-By Replaces Reply-To Retry-After RSeq Server
  Session-Expires Session-ID SIP-ETag SIP-If-Match Subject Subscription-State Target-Dialog Timestamp To
  User-Agent WWW-Authenticate`;

/** The compact forms of the IANA registry (RFC 3261 7.3.3, 3515, 3841, 3892, 4028, 4474, 6665, 8224). */
const compactForms: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  n: 'identity-info',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};

const known = new Map<string, HeaderName>();

function learn(names: string, list: boolean): void {
  for (const name of names.split(/\s+/)) {
    const header = { key: name.toLowerCase(), name, list, known: true };
    known.set(name, header);
    known.set(header.key, header);
  }
}

learn(listNames, true);
learn(singleNames, false);
for (const [compact, key] of Object.entries(compactForms)) {
  const header = known.get(key);
  if (header === undefined) throw new Error(`compact form of an unknown header: ${key}`);
  known.set(compact, header);
  known.set(compact.toUpperCase(), header);
}

/** The usual spellings by length and first letter, so that the parser finds most names without cutting them out. */
const bySpelling: HeaderName[][] = Array.from({ length: 32 * 32 }, () => []);
for (const [spelling, header] of known) {
  if (spelling === header.name) bySpelling[slot(spelling.length, spelling.charCodeAt(0))]?.push(header);
}

function slot(length: number, firstChar: number): number {
  return length * 32 + (firstChar & 31);
}

/** {@link headerName} of `text[start, end)`. */
export function headerNameAt(text: string, start: number, end: number): HeaderName {
  const candidates = bySpelling[slot(end - start, text.charCodeAt(start))];
  if (candidates !== undefined) {
    for (const header of candidates) if (text.startsWith(header.name, start)) return header;
  }
  return headerName(text.slice(start, end));
}

/** Looks a name up in any case, compact or long. Unknown names are not remembered, so peers cannot fill memory. */
export function headerName(name: string): HeaderName {
  const exact = known.get(name);
  if (exact !== undefined) return exact;
  const key = name.toLowerCase();
  return known.get(key) ?? { key, name, list: false, known: false };
}
