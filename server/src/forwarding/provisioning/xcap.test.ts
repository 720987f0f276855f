import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { XcapConfig } from '../../config.ts';
import { carrierSchema } from '../../config-schema.ts';
import { CarrierServer, type SeenRequest, StoredDocument } from '../testing/carrier-server.ts';
import { bareDocument, phoneDocument } from '../testing/documents.ts';
import { ProvisioningError } from './provisioner.ts';
import { Simservs, simservsNamespace } from './simservs.ts';
import { XcapProvisioner } from './xcap.ts';

const request = { id: 'job', number: '+14155550101', cNumber: '+14155559000', noReplySeconds: null };
const { signal } = new AbortController();

let server: CarrierServer;

beforeEach(async () => {
  server = new CarrierServer();
  await server.listen();
});

afterEach(() => server.close());

function xcap(settings: Record<string, unknown> = {}): XcapProvisioner {
  const provisioning = { adapter: 'xcap', url: `${server.url}/root/`, ...settings };
  const base = { id: 'c', name: 'C', country: 'US', family: 'gsm', cNumber: '+14155559000' };
  return new XcapProvisioner(carrierSchema.parse({ ...base, provisioning }).provisioning as XcapConfig);
}

function serve(text: string | undefined): StoredDocument {
  const document = new StoredDocument(text);
  server.answer = document.answer;
  return document;
}

/** Each element with a namespace of its own, one in the other. */
function nested(depth: number): string {
  const begin = Array.from({ length: depth }, (_, level) => `<a xmlns:p${level}="urn:${level}">`);
  return `<simservs xmlns="${simservsNamespace}">${begin.join('')}${'</a>'.repeat(depth)}</simservs>`;
}

const code = (wanted: string, retry: boolean) => expect.objectContaining({ code: wanted, retry });

describe('XcapProvisioner', () => {
  it('writes the whole document on the condition that nobody else has, and reads it', async () => {
    const document = serve(phoneDocument);
    const { etag } = document;
    const provisioner = xcap();
    expect(await provisioner.activate({ ...request, noReplySeconds: 15 }, signal)).toEqual({
      state: 'active',
      noReplySeconds: 15,
      source: 'carrier',
    });
    const [get, put] = server.seen;
    expect(get).toMatchObject({
      method: 'GET',
      url: '/root/simservs.ngn.etsi.org/users/tel:%2B14155550101/simservs.xml',
      headers: { 'x-3gpp-intended-identity': '"tel:+14155550101"' },
    });
    expect(put).toMatchObject({
      method: 'PUT',
      url: get?.url,
      headers: { 'if-match': etag, 'content-type': 'application/vnd.etsi.simservs+xml' },
    });
    expect(document.text).toContain('<op:diversion-extra mode="x &lt; y"><![CDATA[ <kept> & kept ]]>');
    expect(await provisioner.read(request, signal)).toMatchObject({ state: 'active', noReplySeconds: 15 });
    expect(await provisioner.deactivate(request, signal)).toMatchObject({ state: 'inactive' });
    expect(await provisioner.read(request, signal)).toMatchObject({ state: 'inactive' });
  });

  it('writes nothing where nothing is to be changed', async () => {
    serve(bareDocument);
    const provisioner = xcap();
    await provisioner.activate(request, signal);
    await provisioner.activate(request, signal);
    expect(server.seen.map(({ method }) => method)).toEqual(['GET', 'PUT', 'GET']);
  });

  it('makes its change anew on what somebody else has written meanwhile', async () => {
    const document = serve(bareDocument);
    let others = 2;
    document.beforePut = () => {
      if (others-- > 0) document.text = phoneDocument.replace('>20<', `>${others + 30}<`);
    };
    expect(await xcap().activate(request, signal)).toMatchObject({ state: 'active', noReplySeconds: 30 });
    expect(document.text).toContain('op:caller-tune');
    document.beforePut = () => {
      document.text += ' ';
    };
    document.text = bareDocument;
    await expect(xcap().activate(request, signal)).rejects.toEqual(code('busy', true));
  });

  it('begins a document for a subscriber who has none', async () => {
    const document = serve(undefined);
    expect(await xcap().read(request, signal)).toMatchObject({ state: 'inactive' });
    await xcap().activate(request, signal);
    expect(server.seen.at(-1)?.headers).toMatchObject({ 'if-none-match': '*' });
    expect(Simservs.parse(document.text ?? '').status((to) => to === 'tel:+14155559000').active).toBe(true);
  });

  it('knows its number in every form', async () => {
    const document = serve(bareDocument);
    await xcap({ target: 'sip:{cNumber}@ims.example;user=phone' }).activate(request, signal);
    expect(document.text).toContain('<target>sip:+14155559000@ims.example;user=phone</target>');
    document.text = document.text?.replace('sip:+14155559000@ims.example;user=phone', 'tel:+1-415-555-9000');
    expect(await xcap().read(request, signal)).toMatchObject({ state: 'active' });
    expect(await xcap().read({ ...request, cNumber: '+14155559001' }, signal)).toMatchObject({
      state: 'inactive',
    });
  });

  it('writes the element alone by a node selector, with prefixes that are declared around it', async () => {
    const document = serve(
      '<ss:communication-diversion active="true"><policy:ruleset/></ss:communication-diversion>',
    );
    const { answer } = document;
    server.answer = (seen) =>
      seen.url.endsWith('/namespace::*')
        ? {
            status: 200,
            body: '<ss:simservs xmlns:ss="http://uri.etsi.org/ngn/params/xml/simservs/xcap" xmlns:policy="urn:ietf:params:xml:ns:common-policy"/>',
          }
        : answer(seen);
    const user = 'sip:{number}@ims.example';
    expect(await xcap({ selector: 'node', user }).activate(request, signal)).toMatchObject({
      state: 'active',
    });
    const put = server.seen.at(-1);
    expect(put?.url).toBe(
      '/root/simservs.ngn.etsi.org/users/sip:%2B14155550101@ims.example/simservs.xml/~~/simservs/communication-diversion',
    );
    expect(put?.headers['content-type']).toBe('application/xcap-el+xml');
    expect(put?.body).toMatch(/^<ss:communication-diversion active="true"/);
    expect(await xcap({ selector: 'node', user }).read(request, signal)).toMatchObject({ state: 'active' });
    document.text = undefined;
    expect(await xcap({ selector: 'node', user }).activate(request, signal)).toMatchObject({
      state: 'active',
    });
  });

  it.each([
    ['401', { status: 401 }, code('not-authorised', true)],
    ['403', { status: 403 }, code('not-authorised', false)],
    ['500', { status: 500 }, code('busy', true)],
    ['a redirection', { status: 302, headers: { location: 'http://127.0.0.1/' } }, code('bad-answer', false)],
    ['409', { status: 409 }, code('refused', false)],
    ['no document', { status: 200, body: 'hello' }, code('bad-answer', true)],
    [
      'an entity bomb',
      { status: 200, body: '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>' },
      code('bad-answer', true),
    ],
    ['what would take long to read', { status: 200, body: nested(4000) }, code('bad-answer', false)],
    ['a flood', { status: 200, body: 'x'.repeat(600_000) }, code('bad-answer', false)],
    [
      '503 with a time',
      { status: 503, headers: { 'retry-after': '7' } },
      expect.objectContaining({ retryAfterMs: 7000 }),
    ],
  ])('says what went wrong: %s', async (_, answer, error) => {
    server.answer = () => answer;
    await expect(xcap().activate(request, signal)).rejects.toEqual(error);
    await expect(xcap().activate(request, signal)).rejects.toBeInstanceOf(ProvisioningError);
  });

  it.each([
    [404, undefined, 'unknown-subscriber'],
    [409, bareDocument, 'refused'],
  ])('a write that is answered %i', async (status, text, wanted) => {
    const document = serve(text);
    const { answer } = document;
    server.answer = (seen) => (seen.method === 'PUT' ? { status } : answer(seen));
    await expect(xcap().activate(request, signal)).rejects.toEqual(code(wanted, false));
  });

  it('gives up a server that is silent, and one that is not there', async () => {
    const silent = Promise.withResolvers<{ status: number }>();
    server.answer = () => silent.promise;
    await expect(xcap({ timeoutSeconds: 0.2 }).read(request, signal)).rejects.toEqual(
      code('no-answer', true),
    );
    silent.resolve({ status: 200 });
    const provisioner = xcap();
    await server.close();
    await expect(provisioner.read(request, signal)).rejects.toEqual(code('no-answer', true));
    await server.listen();
  });

  it('says who it is: bearer token, Basic', async () => {
    serve(bareDocument);
    await xcap({ token: 'abc' }).read(request, signal);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer abc');
    server.answer = ({ headers }) =>
      headers.authorization === undefined
        ? { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
        : { status: 200, body: bareDocument };
    const provisioner = xcap({ username: 'us', password: 'p:w' });
    await provisioner.read(request, signal);
    await provisioner.read(request, signal);
    expect(server.seen.slice(1).map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      `Basic ${Buffer.from('us:p:w').toString('base64')}`,
      `Basic ${Buffer.from('us:p:w').toString('base64')}`,
    ]);
  });

  it('answers Digest challenges (RFC 7616), once more when the nonce is stale, and gives up with a wrong password', async () => {
    let nonce = 'one';
    const right = ({ method, headers: { authorization = '' } }: SeenRequest): boolean => {
      const value = (name: string) => new RegExp(`${name}="?([^",]+)`).exec(authorization)?.[1] ?? '';
      const sha = (text: string) => createHash('sha256').update(text).digest('hex');
      const hash = [value('nonce'), value('nc'), value('cnonce'), 'auth', sha(`${method}:${value('uri')}`)];
      return value('nonce') === nonce && value('response') === sha([sha('us:ims:pw'), ...hash].join(':'));
    };
    server.answer = (seen) =>
      right(seen)
        ? { status: 200, body: bareDocument }
        : {
            status: 401,
            headers: {
              'www-authenticate': `Digest realm="ims", nonce="${nonce}", qop="auth", algorithm=SHA-256`,
            },
          };
    const provisioner = xcap({ username: 'us', password: 'pw' });
    await provisioner.read(request, signal);
    await provisioner.read(request, signal);
    expect(server.seen).toHaveLength(3);
    nonce = 'two';
    await provisioner.read(request, signal);
    expect(server.seen).toHaveLength(5);
    const wrong = xcap({ username: 'us', password: 'wrong' });
    await expect(wrong.read(request, signal)).rejects.toEqual(code('not-authorised', true));
    expect(server.seen).toHaveLength(7);
  });
});
