import fc from 'fast-check';

/** One change to a message that knows what a message looks like; the numbers choose where, modulo what there is. */
export interface Mutation {
  kind: (typeof kinds)[number];
  at: number;
  value: number;
}

const kinds = [
  'byte',
  'insert',
  'truncate',
  'method',
  'status',
  'uri',
  'drop header',
  'double header',
  'swap headers',
  'garble header',
  'replace value',
  'add header',
  'tag',
  'branch',
  'sequence',
  'body',
  'length',
] as const;

const methods = [
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'UPDATE', 'PRACK', 'INFO', 'REGISTER', 'MESSAGE'],
  ...['SUBSCRIBE', 'NOTIFY', 'REFER', 'PUBLISH', 'invite', 'X', ''],
];
const statuses = [
  ...[
    '100',
    '180',
    '183',
    '199',
    '200',
    '202',
    '299',
    '300',
    '302',
    '401',
    '407',
    '408',
    '415',
    '420',
    '422',
  ],
  ...[
    '423',
    '481',
    '486',
    '487',
    '491',
    '500',
    '503',
    '504',
    '600',
    '603',
    '699',
    '700',
    '99',
    '0',
    '-1',
    '',
  ],
];
const uris = [
  ...[
    'sip:10.0.0.2',
    'sip:10.0.0.9:0',
    'sip:10.0.0.9:99999',
    'sip:nowhere.invalid',
    'sip:[::1]:5060',
    'sips:x',
  ],
  ...[
    'tel:+1',
    'sip:',
    '*',
    'sip:a@10.0.0.2;transport=tcp',
    'sip:a@10.0.0.9;transport=ws',
    'sip:a@h;maddr=x',
  ],
  ...['sip:10.0.0.1;lr', 'sip:10.0.0.9;transport=tls', 'http://x', 'sip:a@b?Route=%3Csip:x%3E'],
];
const numbers = [
  '0',
  '1',
  '2',
  '3',
  '90',
  '2147483647',
  '2147483648',
  '4294967295',
  '4294967296',
  '-1',
  'x',
  '',
];
const lines = [
  ...[
    'Require: 100rel',
    'Require: x-unknown',
    'Supported: 100rel, timer',
    'Session-Expires: 90;refresher=uas',
  ],
  ...[
    'Session-Expires: 90;refresher=uac',
    'Session-Expires: 1',
    'Session-Expires: 4294967295',
    'Min-SE: 4294967295',
  ],
  ...['RSeq: 1', 'RSeq: 4294967295', 'RAck: 1 1 INVITE', 'Expires: 0', 'Expires: 1', 'Max-Forwards: 0'],
  ...['Record-Route: <sip:10.0.0.9;lr>', 'Record-Route: <sip:strict.invalid>', 'Route: <sip:10.0.0.9;lr>'],
  ...['Content-Type: multipart/mixed;boundary=x', 'Content-Type: text/plain', 'Content-Encoding: gzip'],
  ...['Retry-After: 0', 'Event: reg', 'Reason: SIP;cause=200', 'Contact: *', 'Contact: <sip:a@10.0.0.9:0>'],
  ...[
    'Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKnew',
    'Via: SIP/2.0/UDP 10.0.0.9:0;rport;maddr=x',
    'X: y',
    ':',
  ],
  ...[
    'WWW-Authenticate: Digest realm="x", nonce="y"',
    'Proxy-Authenticate: Digest realm="x", nonce="y", qop="auth"',
  ],
  ...['To: <sip:x@y>;tag=other', 'From: <sip:x@y>', 'Call-ID: another', 'Replaces: a;to-tag=b;from-tag=c'],
];
const names = [
  ...['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact', 'Content-Length', 'Content-Type', 'RSeq', 'RAck'],
  ...['Session-Expires', 'Record-Route', 'Require', 'Supported', 'Allow', 'Max-Forwards'],
];
const bits = [
  '\r\n',
  '\n',
  '\0',
  '"',
  '<',
  '>',
  ';',
  ',',
  ':',
  '%',
  ' ',
  '\t',
  '@',
  '=',
  'é',
  '\r\n\r\n',
  '\u0001',
];

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...kinds),
  at: fc.nat(5_000),
  value: fc.nat(5_000),
});

const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** The message with these changes, one after the other. What is no message any more is changed by bytes only. */
export function mutate(bytes: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  return mutations.reduce<Uint8Array>((before, one) => apply(Buffer.from(before), one), bytes);
}

function apply(bytes: Buffer, mutation: Mutation): Buffer {
  const { kind, at, value } = mutation;
  const place = bytes.length === 0 ? 0 : at % bytes.length;
  if (kind === 'byte') {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[place] = value & 255;
    return copy;
  }
  if (kind === 'insert')
    return Buffer.concat([bytes.subarray(0, place), Buffer.from(pick(bits, value)), bytes.subarray(place)]);
  if (kind === 'truncate') return bytes.subarray(0, place);
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return bytes;
  const head = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const start = head.shift() ?? '';
  const body = bytes.subarray(end + 4);
  if (kind === 'body') {
    const changed = value % 3 === 0 ? Buffer.alloc(0) : apply(body, { kind: 'byte', at, value });
    return joined(start, head, value % 3 === 1 ? Buffer.concat([body, body]) : changed);
  }
  return joined(startLine(start, mutation), changedHeaders(head, mutation), body);
}

function joined(start: string, headers: readonly string[], body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([start, ...headers, '', ''].join('\r\n'), 'latin1'), body]);
}

function startLine(start: string, { kind, value }: Mutation): string {
  const parts = start.split(' ');
  if (start.startsWith('SIP/2.0')) {
    if (kind === 'status') parts[1] = pick(statuses, value);
    if (kind === 'method') return `${pick(methods, value)} sip:10.0.0.1 SIP/2.0`;
  } else {
    if (kind === 'method') parts[0] = pick(methods, value);
    if (kind === 'uri') parts[1] = pick(uris, value);
    if (kind === 'status') return `SIP/2.0 ${pick(statuses, value)} x`;
  }
  return parts.join(' ');
}

function changedHeaders(headers: string[], { kind, at, value }: Mutation): string[] {
  if (headers.length === 0) return headers;
  const place = at % headers.length;
  const line = headers[place] ?? '';
  const replaced = (pattern: RegExp, by: string) => headers.map((one) => one.replace(pattern, by));
  const onName = (name: RegExp, change: (one: string) => string) =>
    headers.map((one) => (name.test(one) ? change(one) : one));
  switch (kind) {
    case 'drop header':
      return headers.toSpliced(place, 1);
    case 'double header':
      return headers.toSpliced(value % (headers.length + 1), 0, line);
    case 'swap headers':
      return headers.toSpliced(place, 1).toSpliced(value % headers.length, 0, line);
    case 'garble header': {
      const cut = value % (line.length + 1);
      return headers.with(place, line.slice(0, cut) + pick(bits, at) + line.slice(cut));
    }
    case 'replace value':
      return headers.with(place, `${pick(names, at)}: ${pick([...numbers, ...uris, ...lines], value)}`);
    case 'add header':
      return headers.toSpliced(place, 0, pick(lines, value));
    case 'tag':
      return onName(at % 2 === 0 ? /^From:/i : /^To:/i, (one) =>
        value % 3 === 0 ? one.replace(/;tag=[^;]*/, '') : one.replace(/;tag=/, `;tag=${value}`),
      );
    case 'branch':
      return replaced(/;branch=z9hG4bK/, value % 3 === 0 ? ';branch=' : `;branch=z9hG4bK${value}`);
    case 'sequence':
      return onName(/^(CSeq|RSeq|RAck):/i, (one) =>
        value % 2 === 0
          ? one.replace(/\d+/, pick(numbers, at))
          : one.replace(/[A-Z]+$/, pick(methods, value)),
      );
    case 'uri':
      return onName(at % 2 === 0 ? /^Contact:/i : /^(Record-Route|Route):/i, (one) =>
        one.replace(/<[^>]*>/, `<${pick(uris, value)}>`),
      );
    case 'length':
      return onName(/^(Content-Length|l):/i, () => `Content-Length: ${pick(numbers, value)}`);
    default:
      return headers;
  }
}
