import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labPlugin } from '../http/plugin.ts';
import { Lab } from '../lab.ts';
import { defaultCarriers } from '../model/defaults.ts';

const own = '+447700900123';
const cNumber = '+447700900999';
const token = 'an-xcap-token';
const documentType = 'application/vnd.etsi.simservs+xml';

let lab: Lab;
let app: FastifyInstance;
let folder: string;

async function open(): Promise<void> {
  lab = new Lab({
    server: { host: '127.0.0.1', port: 9 },
    carriers: defaultCarriers()
      .filter(({ id }) => id !== 'lab-cdma')
      .map((carrier) => ({
        ...carrier,
        sipPort: 0,
        ...(carrier.id === 'lab-mobile-uk' ? { xcapToken: token } : {}),
      })),
    smppPort: 0,
    stateFile: join(folder, 'lab.json'),
  });
  app = Fastify();
  await app.register(labPlugin({ lab }), { prefix: '/lab' });
}

async function close(): Promise<void> {
  await app.close();
  await lab.close();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lab-'));
  await open();
});

afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true });
});

interface Asked {
  user?: string;
  carrier?: string;
  selector?: string;
  headers?: Record<string, string>;
}

const url = ({ user = `tel:${own}`, carrier = 'lab-mobile-uk', selector = '' }: Asked) =>
  `/lab/xcap/${carrier}/simservs.ngn.etsi.org/users/${user}/simservs.xml${selector}`;

const get = (asked: Asked = {}) =>
  app.inject({ url: url(asked), headers: { authorization: `Bearer ${token}`, ...asked.headers } });

const put = (payload: string, asked: Asked = {}) =>
  app.inject({
    method: 'PUT',
    url: url(asked),
    payload,
    headers: { authorization: `Bearer ${token}`, 'content-type': documentType, ...asked.headers },
  });

const rule = (id: string, conditions: string, target = `tel:${cNumber}`) =>
  `<cp:rule id="${id}"><cp:conditions>${conditions}</cp:conditions><cp:actions><forward-to><target>${target}</target></forward-to></cp:actions></cp:rule>`;

const withRules = (text: string, rules: string, seconds = 20) =>
  text
    .replace(/<cp:ruleset([^>/]*)(\/>|>.*<\/cp:ruleset>)/s, `<cp:ruleset$1>${rules}</cp:ruleset>`)
    .replace(/<NoReplyTimer>\d+/, `<NoReplyTimer>${seconds}`);

describe('the XCAP server of a carrier', () => {
  it('shows what a handset dials, and has the switch do what is written', async () => {
    const first = await get();
    expect([first.statusCode, first.headers['content-type']]).toEqual([200, documentType]);
    lab.dial(own, `**004*${cNumber}#`);
    const dialled = await get();
    expect(dialled.headers.etag).not.toBe(first.headers.etag);
    for (const condition of ['busy', 'no-answer', 'not-reachable', 'not-registered']) {
      expect(dialled.body).toContain(
        `<cp:conditions><${condition}/></cp:conditions><cp:actions><forward-to><target>tel:${cNumber}</target>`,
      );
    }
    expect(dialled.body).toContain('<lab:ringback-tune><![CDATA[Für Elise & more]]>');
    const written = withRules(
      dialled.body,
      rule('a', '<busy/><rule-deactivated/>') +
        rule('b', '<no-answer/>', 'sip:+447700900456@ims.example;user=phone'),
      35,
    );
    expect((await put(written)).statusCode).toBe(200);
    expect(lab.handset(own).forwardings).toEqual({
      busy: { to: cNumber, active: false, noReplySeconds: 35 },
      'no-reply': { to: '+447700900456', active: true, noReplySeconds: 35 },
    });
    expect((await get()).body).toBe(written);
    lab.dial(own, '##002#');
    expect((await get()).body).not.toContain('<cp:rule ');
    lab.dial(own, `**61*${cNumber}**10#`);
    expect((await get()).body).toMatch(/<NoReplyTimer>10<.*<cp:conditions><no-answer\/>/s);
  });

  it('keeps documents over a restart', async () => {
    const written = withRules((await get()).body, rule('mine', '<busy/>'));
    await put(written);
    await close();
    await open();
    expect((await get()).body).toBe(written);
    expect(lab.handset(own).forwardings.busy?.to).toBe(cNumber);
  });

  it('writes under conditions only (RFC 4825 section 7.11)', async () => {
    const { body, headers } = await get();
    const etag = String(headers.etag);
    const written = withRules(body, rule('a', '<busy/>'));
    expect((await put(written, { headers: { 'if-none-match': '*' } })).statusCode).toBe(412);
    expect((await put(written, { headers: { 'if-match': '"other"' } })).statusCode).toBe(412);
    const answer = await put(written, { headers: { 'if-match': etag } });
    expect([answer.statusCode, answer.headers.etag]).toEqual([200, (await get()).headers.etag]);
    lab.dial(own, '##002#');
    const stale = await put(body, { headers: { 'if-match': String(answer.headers.etag) } });
    expect(stale.statusCode).toBe(412);
  });

  it('serves the element communication-diversion by itself, and the namespaces around it', async () => {
    const selector = '/~~/simservs/communication-diversion';
    const { body, headers } = await get({ selector });
    expect(body).toMatch(/^<communication-diversion /);
    expect(headers.etag).toBe((await get()).headers.etag);
    const written = withRules(body, rule('a', '<busy/>'));
    const element = { selector, headers: { 'content-type': 'application/xcap-el+xml' } };
    expect((await put(written, element)).statusCode).toBe(200);
    expect((await get()).body).toContain('lab:ringback-tune');
    expect(lab.handset(own).forwardings.busy?.to).toBe(cNumber);
    expect((await get({ selector: `${selector}/namespace::*` })).body).toContain('xmlns:cp=');
    expect((await put(written, { selector })).statusCode).toBe(415);
  });

  it.each([
    ['no XML', () => '<simservs', 'not-well-formed'],
    [
      'a document type',
      (text: string) => text.replace('<simservs', '<!DOCTYPE x><simservs'),
      'not-well-formed',
    ],
    ['another root', () => '<a/>', 'schema-validation-error'],
    ['a time that is none', (text: string) => text.replace('>20<', '>1000<'), 'constraint-failure'],
    [
      'a target that is none',
      (text: string) => withRules(text, rule('a', '<busy/>', 'tel:home')),
      'constraint-failure',
    ],
    [
      'a target that is the number itself',
      (text: string) => withRules(text, rule('a', '<busy/>', `tel:${own}`)),
      'constraint-failure',
    ],
    [
      'two rules of one name',
      (text: string) => withRules(text, rule('a', '<busy/>') + rule('a', '<no-answer/>')),
      'uniqueness-failure',
    ],
  ])('does not take %s', async (_, change, why) => {
    const { body } = await get();
    const answer = await put(change(body));
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([409, 'application/xcap-error+xml']);
    expect(answer.body).toContain(`<${why} `);
    expect((await get()).body).toBe(body);
  });

  it.each([
    ['no token', { headers: { authorization: '' } }, 401],
    ['a wrong token', { headers: { authorization: 'Bearer nonsense' } }, 401],
    ['a carrier without one', { carrier: 'lab-gsm', user: 'tel:+14155550101' }, 404],
    ['nobody’s carrier', { carrier: 'nobody' }, 404],
    ['a number of another carrier', { user: 'tel:+14155550101' }, 404],
    ['a number that nobody has', { user: 'tel:+447700900111' }, 404],
    ['another element', { selector: '/~~/simservs/communication-waiting' }, 404],
    ['somebody else’s identity', { headers: { 'x-3gpp-intended-identity': '"tel:+447700900456"' } }, 403],
  ])('is closed to %s', async (_, asked: Asked, status) => {
    expect((await get(asked)).statusCode).toBe(status);
    expect((await put('<simservs/>', asked)).statusCode).toBe(status);
  });

  it('is out of order when the carrier’s provisioning is', async () => {
    lab.setCondition('lab-mobile-uk', { provisioning: 'down' });
    expect((await get()).statusCode).toBe(503);
    lab.setCondition('lab-mobile-uk', { provisioning: 'up' });
    expect((await get()).statusCode).toBe(200);
  });
});
