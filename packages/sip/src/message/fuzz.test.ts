import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ExecutionCount, fuzzBudget, fuzzTimeoutMs } from '../testing/budget.ts';
import {
  parseAuthParams,
  parseContact,
  parseContacts,
  parseCSeq,
  parseDiversion,
  parseHistoryInfo,
  parseIdentities,
  parseMessage,
  parseNameAddr,
  parseReason,
  parseReasons,
  parseSipDate,
  parseUri,
  parseValueParams,
  parseVia,
  type SipMessage,
  SipRequest,
  SipResponse,
  StreamFramer,
  type StreamItem,
  serializeMessage,
  splitList,
  uriEquals,
  validateRequest,
  validateResponse,
} from './index.ts';

/** Everything there is to see in a message. */
function contents(message: SipMessage): unknown {
  const start = message.kind === 'request' ? [message.method, message.uri] : [message.status, message.reason];
  const headers = [...message.headers].filter(([name]) => name !== 'Content-Length');
  return { start, headers, body: Buffer.from(message.body).toString('hex') };
}

function itemContents(item: StreamItem): unknown {
  if ('message' in item) return contents(item.message);
  if ('keepAlive' in item) return item;
  return { code: item.error.code, fatal: item.fatal };
}

const token = fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,12}$/);
const headerName = fc.oneof(
  token,
  fc.constantFrom('Via', 'v', 'Contact', 'To', 'i', 'Subject', 'Diversion', 'CSEQ'),
);
/** What a value may be: no line break, no NUL, no white space around it. */
const headerValue = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.stringMatching(/^[a-z"<>,;:=\\ ]{0,40}$/),
    fc.constantFrom('<sip:a@b>;tag=1', '"x, \\"y" <sip:a@b>', 'SIP/2.0/UDP a;branch=z9hG4bKx', ',', ''),
  )
  .map((value) => value.replace(/[\r\n\0]/g, '').replace(/^[ \t]+|[ \t]+$/g, ''));
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 20 });
const body = fc.uint8Array({ maxLength: 200 });

const message: fc.Arbitrary<SipMessage> = fc.oneof(
  fc
    .tuple(token, fc.stringMatching(/^[!-~]{1,40}$/), headers, body)
    .filter(([method, uri]) => !/["<>]/.test(uri) && !/^SIP\//i.test(method))
    .map(([method, uri, all, bytes]) => new SipRequest(method, uri, { headers: all, body: bytes })),
  fc
    .tuple(fc.integer({ min: 100, max: 699 }), headerValue, headers, body)
    .map(([status, reason, all, bytes]) => new SipResponse(status, reason, { headers: all, body: bytes })),
);

const samples = [
  'INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bKa;rport, SIP/2.0/TCP [::1]\r\nFrom: "A, B" <sip:a@x>;tag=1\r\n' +
    't: sip:b@x\r\ni: c\r\nCSeq: 1 INVITE\r\nm: <sip:a@h?x=y>;q=0.5\r\nHistory-Info: <sip:a@b?Reason=SIP%3Bcause%3D302>;index=1\r\n' +
    'Diversion: <tel:+1>;reason=no-answer\r\nReason: SIP;cause=200;text="x"\r\nContent-Length: 4\r\n\r\nbody',
  'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@x>\r\nTo:\r\n <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 BYE\r\nl: 0\r\n\r\n',
];
const vectors = fileURLToPath(new URL('../../../../../shared/vectors/rfc4475/', import.meta.url));
const corpus = samples.map((text) => Buffer.from(text));
if (existsSync(vectors)) corpus.push(...readdirSync(vectors).map((name) => readFileSync(vectors + name)));

/** A known message with some bytes replaced, taken out, repeated or put in. */
const mutated = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(
      fc.record({
        at: fc.nat(2000),
        remove: fc.nat(6),
        insert: fc.oneof(
          fc.uint8Array({ maxLength: 4 }),
          fc
            .constantFrom(
              '\r\n',
              '\n',
              '\r',
              '"',
              '<',
              '>',
              ';',
              ',',
              ':',
              '\\',
              '\0',
              '%',
              ' ',
              '\t',
              '@',
              '=',
            )
            .map((text) => Buffer.from(text)),
        ),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  )
  .map(([bytes, changes]) =>
    changes.reduce((all, { at, remove, insert }) => {
      const place = at % (all.length + 1);
      return Buffer.concat([all.subarray(0, place), insert, all.subarray(place + remove)]);
    }, bytes),
  );

/** Calls every function that takes text of a peer. */
function useAll(text: string): void {
  for (const parse of [
    parseUri,
    parseNameAddr,
    parseVia,
    parseCSeq,
    parseContact,
    parseReason,
    parseAuthParams,
    parseSipDate,
    parseValueParams,
    splitList,
  ]) {
    parse(text);
  }
  uriEquals(text, `${text}x`);
}

function useMessage(one: SipMessage): void {
  if (one.kind === 'request') validateRequest(one);
  else validateResponse(one);
  parseContacts(one.headers);
  parseDiversion(one.headers);
  parseHistoryInfo(one.headers);
  parseReasons(one.headers);
  parseIdentities(one.headers);
  for (const [, value] of one.headers) useAll(value);
}

const messages = new ExecutionCount('the parser');
const streams = new ExecutionCount('the framer of streams');
afterAll(() => {
  messages.report();
  streams.report();
});

/** Whatever parses can be sent on, and arrives as it was. */
function checkBytes(bytes: Uint8Array): void {
  messages.one();
  const result = parseMessage(bytes);
  const found = result.ok ? result.message : result.partial;
  if (found !== undefined) useMessage(found);
  if (!result.ok) return;
  const again = parseMessage(serializeMessage(result.message));
  expect(again.ok && contents(again.message)).toEqual(contents(result.message));
}

describe('properties', { timeout: fuzzTimeoutMs }, () => {
  it('parsing undoes serialising', () => {
    fc.assert(
      fc.property(message, (one) => {
        const result = parseMessage(serializeMessage(one));
        expect(result.ok && contents(result.message)).toEqual(contents(one));
        expect(result).not.toHaveProperty('trailing');
      }),
      fuzzBudget(500),
    );
  });

  it('random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), checkBytes), fuzzBudget(500));
  });

  it('mutated messages never throw, and what parses survives being sent on', () => {
    fc.assert(fc.property(mutated, checkBytes), fuzzBudget(2000));
  });

  it('random text never throws in any value parser', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.stringMatching(/^(sips?:|tel:|"|<|Digest )?[a-z0-9"<>,;:=%@?&[\] \\/.-]{0,60}$/),
    );
    fc.assert(fc.property(text, useAll), fuzzBudget(2000));
  });

  it('a stream gives the same in any pieces as at once', () => {
    const part = fc.oneof(
      message.map((one) => serializeMessage(one)),
      mutated,
      fc.constant(Buffer.from('\r\n')),
    );
    const stream = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => Buffer.concat(parts));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(5000), { maxLength: 10 }), (bytes, places) => {
        streams.one();
        const whole = new StreamFramer().push(bytes).filter((item) => !('keepAlive' in item));
        const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
        const everyByte = Array.from(bytes, (_, at) => at + 1);
        for (const ends of [[...cuts, bytes.length], everyByte]) {
          const framer = new StreamFramer();
          const items: StreamItem[] = [];
          let start = 0;
          for (const end of ends) {
            items.push(...framer.push(bytes.subarray(start, end)));
            start = end;
          }
          expect(items.filter((item) => !('keepAlive' in item)).map(itemContents)).toEqual(
            whole.map(itemContents),
          );
        }
      }),
      fuzzBudget(200),
    );
  });
});

describe('time', () => {
  /** Texts of growing length that would be slow for a parser that looks back. */
  const evil: Array<[string, (length: number) => string]> = [
    ['spaces', (length) => `a${' '.repeat(length)}b`],
    ['tabs before a colon', (length) => `SIP/2.0/UDP x${'\t'.repeat(length)}y`],
    ['quotes', (length) => '"'.repeat(length)],
    ['backslashes', (length) => `"${'\\'.repeat(length)}`],
    ['angles', (length) => '<'.repeat(length)],
    ['angles and quotes', (length) => '<"'.repeat(length / 2)],
    ['commas', (length) => ','.repeat(length)],
    ['quoted commas', (length) => '",'.repeat(length / 2)],
    ['semicolons', (length) => `<sip:a@b>${';a=b'.repeat(length / 4)}`],
    ['uri parameters', (length) => `sip:a@b${';a=b'.repeat(length / 4)}`],
    ['uri headers', (length) => `sip:a@b?${'a=b&'.repeat(length / 4)}`],
    ['percents', (length) => `sip:${'%41'.repeat(length / 3)}@b`],
    ['bad percents', (length) => `sip:${'%'.repeat(length)}@b`],
    ['display tokens', (length) => `${'a '.repeat(length / 2)}<sip:a@b>`],
    ['digits', (length) => '9'.repeat(length)],
    ['index', (length) => `<sip:a@b>;index=${'1.'.repeat(length / 2)}`],
    [
      'auth parameters',
      (length) => `Digest ${Array.from({ length: length / 12 }, (_, at) => `a${at}=b`).join(',')}`,
    ],
    ['NUL', (length) => '\0'.repeat(length)],
  ];
  const asMessage = (text: string): Buffer =>
    Buffer.from(
      `INVITE sip:a SIP/2.0\r\nVia: ${text}\r\nTo: ${text}\r\nContact: ${text}\r\nDiversion: ${text}\r\nHistory-Info: ${text}\r\n\r\n`,
    );
  const unlimited = { maxHeaderLineBytes: 1e9, maxHeadBytes: 1e9, maxMessageBytes: 1e9, maxHeaderCount: 1e9 };

  function millisecondsOf(work: () => void): number {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      // Of the processor, not of the clock: others may have the machine in between.
      const start = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(start);
      best = Math.min(best, (user + system) / 1_000);
    }
    return best;
  }

  // Quadratic work on 200 kB is 10^10 steps and more: far from this bound, which leaves room for a busy machine.
  it.each(evil)('%s: 200 kB without super-linear work', (_, build) => {
    const text = build(200_000);
    const milliseconds = millisecondsOf(() => {
      useAll(text);
      const result = parseMessage(asMessage(text), unlimited);
      useMessage(result.ok ? result.message : result.partial!);
    });
    expect(milliseconds).toBeLessThan(1500);
  });

  it.each([
    ['folds', `X: y\r\n${' \r\n'.repeat(60_000)}`],
    ['lines without colon', 'x\r\n'.repeat(60_000)],
    ['headers', 'X: y\r\n'.repeat(30_000)],
    ['spaces before folds', `X: ${' '.repeat(200_000)}\r\n y\r\n`],
  ])('%s in a message: refused or read in linear time', (_, lines) => {
    const bytes = Buffer.from(`INVITE sip:a SIP/2.0\r\n${lines}\r\n`);
    for (const limits of [{}, { ...unlimited, maxHeaderCount: 256 }]) {
      expect(millisecondsOf(() => parseMessage(bytes, limits))).toBeLessThan(500);
    }
  });

  it('many small messages in one chunk, and a large one byte by byte', () => {
    const small = Buffer.from('A b SIP/2.0\r\nl:0\r\n\r\n'.repeat(20_000));
    const large = Buffer.from(`A b SIP/2.0\r\nl:60000\r\n\r\n${'x'.repeat(60_000)}`);
    expect(millisecondsOf(() => expect(new StreamFramer().push(small)).toHaveLength(20_000))).toBeLessThan(
      2000,
    );
    const milliseconds = millisecondsOf(() => {
      const framer = new StreamFramer();
      for (let at = 0; at < large.length; at++) framer.push(large.subarray(at, at + 1));
    });
    expect(milliseconds).toBeLessThan(1500);
  });
});
