import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  parseAuthParams,
  parseContact,
  parseContacts,
  parseCSeq,
  parseExpires,
  parseMessage,
  parseNameAddr,
  parseSipDate,
  parseUri,
  parseValueParams,
  parseVia,
  type SipMessage,
  type SipParseErrorCode,
  SipRequest,
  SipResponse,
  StreamFramer,
  serializeMessage,
  validateRequest,
  validateResponse,
} from './index.ts';

/** The torture messages of RFC 4475, from the archive in its appendix. */
const folder = fileURLToPath(new URL('../../../../../shared/vectors/rfc4475/', import.meta.url));
const present = existsSync(folder);

function parsed(bytes: Uint8Array): SipMessage {
  const result = parseMessage(bytes);
  if (!result.ok) throw new Error(`does not parse: ${result.error.code}`);
  return result.message;
}

/** Parses, is valid, and comes through the serialiser with the same headers and body. */
function valid(bytes: Uint8Array): SipMessage {
  const message = parsed(bytes);
  const error = message.kind === 'request' ? validateRequest(message) : validateResponse(message);
  expect(error).toBeUndefined();
  const again = parsed(serializeMessage(message));
  expect(again.headers.getAll('Via')).toEqual(message.headers.getAll('Via'));
  expect([...again.headers].filter(([name]) => name !== 'Content-Length')).toEqual(
    [...message.headers].filter(([name]) => name !== 'Content-Length'),
  );
  expect(Buffer.compare(again.body, message.body)).toBe(0);
  return message;
}

function request(bytes: Uint8Array): SipRequest {
  const message = valid(bytes);
  if (!(message instanceof SipRequest)) throw new Error('is no request');
  return message;
}

function response(bytes: Uint8Array): SipResponse {
  const message = valid(bytes);
  if (!(message instanceof SipResponse)) throw new Error('is no response');
  return message;
}

/** The parser refuses it, and leaves enough to answer with. */
function refused(bytes: Uint8Array, code: SipParseErrorCode, status: number | undefined): SipMessage {
  const result = parseMessage(bytes);
  if (result.ok) throw new Error('parses');
  expect(result.error).toMatchObject({ code });
  expect(result.error.status).toBe(status);
  expect(result.partial).toBeDefined();
  return result.partial!;
}

/** It parses, but must not be acted upon. */
function invalid(bytes: Uint8Array, code: SipParseErrorCode, status: number | undefined): SipMessage {
  const message = parsed(bytes);
  const error = message.kind === 'request' ? validateRequest(message) : validateResponse(message);
  expect(error).toMatchObject({ code });
  expect(error?.status).toBe(status);
  return message;
}

/** Everything an answer is built from. */
function expectAnswerable(message: SipMessage): void {
  for (const name of ['Via', 'From', 'To', 'Call-ID', 'CSeq'])
    expect(message.headers.has(name), name).toBe(true);
}

const userOf = (header: string | undefined) => parseUri(parseNameAddr(header!)!.uri)?.user;
const bodyText = (message: SipMessage) => Buffer.from(message.body).toString('utf8');

type Expectation = (bytes: Buffer) => void;

/** 3.1.1 Valid messages. */
const validMessages: Record<string, Expectation> = {
  'wsinv.dat': (bytes) => {
    const { headers, uri, body } = request(bytes);
    expect(parseUri(uri)!.params).toEqual(new Map([['unknownparam', undefined]]));
    expect(parseNameAddr(headers.get('to')!)).toEqual({
      uri: 'sip:vivekg@chair-dnrc.example.com',
      params: new Map([['tag', '1918181833n']]),
    });
    expect(parseNameAddr(headers.get('from')!)).toEqual({
      displayName: 'J Rosenberg \\"',
      uri: 'sip:jdrosen@example.com',
      params: new Map([['tag', '98asjd8']]),
    });
    expect(Number(headers.get('max-forwards'))).toBe(68);
    expect(parseCSeq(headers.get('cseq')!)).toEqual({ sequence: 9, method: 'INVITE' });
    expect(headers.getAll('via').map(parseVia)).toEqual([
      {
        protocol: 'SIP/2.0',
        transport: 'UDP',
        host: '192.0.2.2',
        params: new Map([['branch', '390skdjuw']]),
      },
      {
        protocol: 'SIP/2.0',
        transport: 'TCP',
        host: 'spindle.example.com',
        params: new Map([['branch', 'z9hG4bK9ikj8']]),
      },
      {
        protocol: 'SIP/2.0',
        transport: 'UDP',
        host: '192.168.255.111',
        params: new Map([['branch', 'z9hG4bK30239']]),
      },
    ]);
    expect(headers.get('subject')).toBe('');
    expect(headers.get('newfangledheader')).toBe('newfangled value continued newfangled value');
    expect(headers.get('unknownheaderwithunusualvalue')).toBe(';;,,;;,;');
    expect(parseNameAddr(headers.get('route')!)!.uri).toBe(
      'sip:services.example.com;lr;unknownwith=value;unknown-no-value',
    );
    expect(parseContact(headers.get('contact')!)).toEqual({
      displayName: 'Quoted string ""',
      uri: 'sip:jdrosen@example.com',
      q: 0.33,
      params: new Map([
        ['newparam', 'newvalue'],
        ['secondparam', undefined],
        ['q', '0.33'],
      ]),
    });
    expect(body.length).toBe(150);
  },
  'intmeth.dat': (bytes) => {
    const { method, uri, headers } = request(bytes);
    expect(method).toBe("!interesting-Method0123456789_*+`.%indeed'~");
    expect(parseUri(uri)).toMatchObject({
      user: "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
      password: "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
      host: 'example.com',
    });
    expect(parseNameAddr(headers.get('to')!)!.displayName).toBe('BEL:\x07 NUL:\0 DEL:\x7f');
    const from = parseNameAddr(headers.get('from')!)!;
    expect(from).toMatchObject({
      displayName: "token1~` token2'+_ token3*%!.-",
      uri: 'sip:mundane@example.com',
    });
    expect(from.params.get("fromparam''~+*_!.-%")).toBe('работающий');
    expect(from.params.get('tag')).toBe("_token~1'+`*%!-.");
    expect(headers.get('call-id')).toBe('intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{');
    expect(parseCSeq(headers.get('cseq')!)).toEqual({ sequence: 139122385, method });
    expect(headers.get("EXTENSIONHEADER-!.%*+_`'~")).toBe('\ufeff大停電');
  },
  'esc01.dat': (bytes) => {
    const { uri, headers } = request(bytes);
    expect(parseUri(uri)).toMatchObject({
      scheme: 'sip',
      user: 'sips:user@example.com',
      host: 'example.net',
    });
    expect(userOf(headers.get('to'))).toBe('user');
    expect(userOf(headers.get('from'))).toBe('I have spaces');
    expect(headers.get('content-type')).toBe('application/sdp');
    expect(
      parseUri(parseContact(headers.get('contact')!) === '*' ? '' : parseNameAddr(headers.get('m')!)!.uri),
    ).toEqual({
      scheme: 'sip',
      user: 'caller',
      host: 'host5.example.net',
      // Unescaped once only.
      params: new Map([
        ['lr', undefined],
        ['name', 'value%41'],
      ]),
      headers: new Map(),
    });
  },
  'escnull.dat': (bytes) => {
    const { headers } = request(bytes);
    expect(userOf(headers.get('to'))).toBe('null-\0-null');
    const contacts = parseContacts(headers);
    expect(contacts === '*' ? [] : contacts!.map((contact) => parseUri(contact.uri)!.user)).toEqual([
      '\0',
      '\0\0',
    ]);
  },
  'esc02.dat': (bytes) => {
    const { method, headers } = request(bytes);
    expect(method).toBe('RE%47IST%45R');
    expect(parseNameAddr(headers.get('to')!)!.displayName).toBe('%Z%45');
    expect(parseVia(headers.get('via')!)!.params.get('branch')).toBe('z9hG4bK209%fzsnel234');
    expect(headers.getAll('contact')).toEqual([
      '<sip:alias1@host1.example.com>',
      '<sip:alias3@host3.example.com>',
    ]);
    expect(headers.get('C%6Fntact')).toBe('<sip:alias2@host2.example.com>');
  },
  'lwsdisp.dat': (bytes) => {
    expect(parseNameAddr(request(bytes).headers.get('from')!)).toEqual({
      displayName: 'caller',
      uri: 'sip:caller@example.com',
      params: new Map([['tag', '323']]),
    });
  },
  'longreq.dat': (bytes) => {
    const { headers, body } = request(bytes);
    expect(headers.getAll('via')).toHaveLength(34);
    expect(headers.getAll('via')[0]).toBe('SIP/2.0/TCP sip33.example.com');
    expect(parseVia(headers.getAll('via')[33]!)!.params.get('branch')).toMatch(/^very(long)+branchvalue$/);
    expect(parseNameAddr(headers.get('to')!)!.displayName).toMatch(
      /^I have a user name of (extreme)+ proportion$/,
    );
    expect(userOf(headers.get('from'))).toMatch(/^(amazinglylongcallername)+$/);
    expect(headers.get('call-id')).toMatch(/^longreq\.one(really)+longcallid$/);
    expect(body.length).toBe(150);
  },
  'dblreq.dat': (bytes) => {
    const result = parseMessage(bytes);
    expect(result).toMatchObject({ ok: true, trailing: 450 });
    const { method, headers } = request(bytes);
    expect(method).toBe('REGISTER');
    expect(headers.get('call-id')).toBe('dblreq.0ha0isndaksdj99sdfafnl3lk233412');
    // On a stream the second one is a message of its own.
    const messages = new StreamFramer()
      .push(bytes)
      .flatMap((item) => ('message' in item ? [item.message] : []));
    expect(messages.map((message) => message.headers.get('cseq'))).toEqual(['8 REGISTER', '8 INVITE']);
  },
  'semiuri.dat': (bytes) => {
    const { uri, headers } = request(bytes);
    expect(parseUri(uri)).toMatchObject({
      user: 'user;par=u@example.net',
      host: 'example.com',
      params: new Map(),
    });
    expect(headers.getAll('accept')).toHaveLength(6);
  },
  'transports.dat': (bytes) => {
    const vias = request(bytes).headers.getAll('via').map(parseVia);
    expect(vias.map((via) => via!.transport)).toEqual(['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP']);
  },
  'mpart01.dat': (bytes) => {
    const { headers, body } = request(bytes);
    expect(parseValueParams(headers.get('content-type')!)!.params.get('boundary')).toBe('7a9cbec02ceef655');
    expect(body.length).toBe(553);
    expect(Buffer.from(body).subarray(-22).toString()).toBe('--7a9cbec02ceef655--\r\n');
    // Bytes that are no UTF-8 arrive as they were sent.
    expect(Buffer.compare(Buffer.from(body), bytes.subarray(-553))).toBe(0);
    expect(Buffer.from(body).includes(Buffer.from([0x30, 0x82, 0x01, 0x52]))).toBe(true);
  },
  'unreason.dat': (bytes) => {
    const { status, reason } = response(bytes);
    expect(status).toBe(200);
    expect(reason).toBe('= 2**3 * 5**2 но сто девяносто девять - простое');
  },
  'noreason.dat': (bytes) => {
    expect(response(bytes)).toMatchObject({ status: 100, reason: '' });
  },
};

/** 3.1.2 Invalid messages, and 3.2 transaction layer. */
const invalidMessages: Record<string, Expectation> = {
  'badinv01.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', 400);
    expect(parseVia(headers.get('via')!)).toBeUndefined();
    expect(parseContact(headers.get('contact')!)).toBeUndefined();
  },
  'clerr.dat': (bytes) => {
    expectAnswerable(refused(bytes, 'body-truncated', 400));
    // On a stream the rest may still come.
    expect(new StreamFramer().push(bytes)).toEqual([]);
  },
  'ncl.dat': (bytes) => {
    expectAnswerable(refused(bytes, 'bad-content-length', 400));
    expect(new StreamFramer().push(bytes)).toMatchObject([
      { error: { code: 'bad-content-length' }, fatal: true },
    ]);
  },
  'scalar02.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', 400);
    expect(parseCSeq(headers.get('cseq')!)).toBeUndefined();
    expect(parseExpires(headers.get('expires')!)).toBeUndefined();
    const contact = parseContact(headers.get('contact')!);
    expect(contact).toMatchObject({ uri: 'sip:user@host129.example.com' });
    expect(contact).not.toHaveProperty('expires');
  },
  'scalarlg.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', undefined);
    expect(parseCSeq(headers.get('cseq')!)).toBeUndefined();
    expect(parseExpires(headers.get('retry-after')!)).toBeUndefined();
  },
  'quotbal.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', 400);
    expect(parseNameAddr(headers.get('to')!)).toBeUndefined();
  },
  'ltgtruri.dat': (bytes) => expectAnswerable(refused(bytes, 'bad-request-uri', 400)),
  'lwsruri.dat': (bytes) => expectAnswerable(refused(bytes, 'bad-request-uri', 400)),
  'lwsstart.dat': (bytes) => expectAnswerable(refused(bytes, 'bad-request-uri', 400)),
  'trws.dat': (bytes) => expectAnswerable(refused(bytes, 'bad-request-line', 400)),
  'escruri.dat': (bytes) => {
    const message = invalid(bytes, 'bad-request-uri', 400) as SipRequest;
    expect(parseUri(message.uri)!.headers).toEqual(new Map([['Route', '<sip:example.com>']]));
  },
  // The date is of no use, but nothing that we do depends on it.
  'baddate.dat': (bytes) => {
    expect(parseSipDate(request(bytes).headers.get('date')!)).toBeUndefined();
  },
  'regbadct.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', 400);
    expect(parseContacts(headers)).toBeUndefined();
  },
  'badaspec.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', 400);
    expect(parseNameAddr(headers.get('to')!)).toBeUndefined();
    expect(parseNameAddr(headers.get('from')!)!.displayName).toBe('Bell, Alexander');
  },
  // The archive's file lacks the blank line, which is one fault more than the RFC describes.
  'baddn.dat': (bytes) => {
    expectAnswerable(refused(bytes, 'no-blank-line', 400));
    const { headers } = invalid(Buffer.concat([bytes, Buffer.from('\r\n')]), 'bad-header', 400);
    expect(parseNameAddr(headers.get('from')!)).toBeUndefined();
    expect(parseNameAddr(headers.get('to')!)).toBeUndefined();
  },
  'badvers.dat': (bytes) => expectAnswerable(refused(bytes, 'bad-version', 505)),
  'mismatch01.dat': (bytes) => expectAnswerable(invalid(bytes, 'cseq-mismatch', 400)),
  'mismatch02.dat': (bytes) => expectAnswerable(invalid(bytes, 'unknown-method', 501)),
  'bigcode.dat': (bytes) => expect(refused(bytes, 'bad-status-line', undefined).kind).toBe('response'),
  'badbranch.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-branch', 400);
    expect(parseVia(headers.get('via')!)!.params.get('branch')).toBe('z9hG4bK');
  },
};

/** 3.3 Application layer and 3.4 backward compatibility: what the layers above decide upon is decoded for them. */
const applicationMessages: Record<string, Expectation> = {
  'insuf.dat': (bytes) => {
    const { headers } = invalid(bytes, 'missing-header', 400);
    expect(['From', 'To', 'Call-ID'].map((name) => headers.has(name))).toEqual([false, false, false]);
  },
  'unkscm.dat': (bytes) => expectAnswerable(invalid(bytes, 'unsupported-uri-scheme', 416)),
  'novelsc.dat': (bytes) => expectAnswerable(invalid(bytes, 'unsupported-uri-scheme', 416)),
  'unksm2.dat': (bytes) => {
    const { headers } = invalid(bytes, 'bad-header', 400);
    expect(parseNameAddr(headers.get('to')!)!.uri).toBe('isbn:2983792873');
    expect(parseNameAddr(headers.get('from')!)).toEqual({
      uri: 'http://www.example.com',
      params: new Map([['tag', '3234233']]),
    });
    expect(parseContacts(headers)).toMatchObject([{ uri: 'name:John_Smith' }]);
  },
  'bext01.dat': (bytes) => {
    const { headers } = request(bytes);
    expect(headers.getAll('require')).toEqual(['nothingSupportsThis', 'nothingSupportsThisEither']);
    expect(headers.getAll('proxy-require')).toEqual(['noProxiesSupportThis', 'norDoAnyProxiesSupportThis']);
  },
  'invut.dat': (bytes) => {
    const message = request(bytes);
    expect(message.headers.get('c')).toBe('application/unknownformat');
    expect(bodyText(message)).toBe('<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n');
  },
  'regaut01.dat': (bytes) => {
    expect(parseAuthParams(request(bytes).headers.get('authorization')!)).toEqual({
      scheme: 'NoOneKnowsThisScheme',
      params: new Map([['opaque-data', 'here']]),
    });
  },
  'multi01.dat': (bytes) => {
    const { headers } = invalid(bytes, 'repeated-header', 400);
    expect(headers.getAll('call-id')).toEqual(['multi01.98asdh@192.0.2.1', 'multi01.98asdh@192.0.2.2']);
  },
  'mcl01.dat': (bytes) => {
    expectAnswerable(refused(bytes, 'bad-content-length', 400));
    const items = new StreamFramer().push(bytes);
    expect(items).toMatchObject([{ error: { code: 'bad-content-length', status: 400 }, fatal: true }]);
  },
  // Whether the top Via is ours is for the transport layer to see.
  'bcast.dat': (bytes) => {
    const { status, headers } = response(bytes);
    expect(status).toBe(200);
    expect(headers.getAll('via').map((via) => parseVia(via)!.host)).toEqual([
      '192.0.2.198',
      '255.255.255.255',
    ]);
  },
  'zeromf.dat': (bytes) => expect(request(bytes).headers.get('max-forwards')).toBe('0'),
  'cparam01.dat': (bytes) => {
    expect(parseContacts(request(bytes).headers)).toEqual([
      { uri: 'sip:+19725552222@gw1.example.net', params: new Map([['unknownparam', undefined]]) },
    ]);
  },
  'cparam02.dat': (bytes) => {
    expect(parseContacts(request(bytes).headers)).toEqual([
      { uri: 'sip:+19725552222@gw1.example.net;unknownparam', params: new Map() },
    ]);
  },
  'regescrt.dat': (bytes) => {
    const contact = parseNameAddr(request(bytes).headers.get('contact')!)!;
    expect(parseUri(contact.uri)!.headers).toEqual(new Map([['Route', '<sip:sip.example.com>']]));
  },
  'sdp01.dat': (bytes) => {
    const message = request(bytes);
    expect(message.headers.getAll('accept')).toEqual(['text/nobodyKnowsThis']);
    expect(message.headers.get('content-type')).toBe('application/sdp');
    expect(message.body.length).toBe(150);
  },
  'inv2543.dat': (bytes) => {
    const message = request(bytes);
    expect(parseVia(message.headers.get('via')!)!.params.has('branch')).toBe(false);
    expect(parseNameAddr(message.headers.get('from')!)!.params.has('tag')).toBe(false);
    expect(parseUri(parseNameAddr(message.headers.get('record-route')!)!.uri)!.params.get('maddr')).toBe(
      'ss1.example.com',
    );
    expect(bodyText(message)).toMatch(/^v=0\r\n.*m=audio 49217 RTP\/AVP 0\r\n/s);
  },
};

const expectations: Record<string, Expectation> = {
  ...validMessages,
  ...invalidMessages,
  ...applicationMessages,
};

describe.skipIf(!present)('RFC 4475 (needs ../shared/vectors/rfc4475)', () => {
  it('has an expectation for every message of the folder, and no other', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(expectations).sort());
  });

  it.each(Object.keys(expectations))('%s', (name) => {
    expectations[name]!(readFileSync(folder + name));
  });

  it.each(Object.keys(expectations))('%s comes out of a stream the same, byte by byte or at once', (name) => {
    const bytes = readFileSync(folder + name);
    const single = new StreamFramer();
    const items = [...bytes].flatMap((byte) => single.push(Uint8Array.of(byte)));
    const messages = (all: typeof items) => all.filter((item) => !('keepAlive' in item));
    expect(messages(items)).toEqual(messages(new StreamFramer().push(bytes)));
  });
});
