import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import smpp, { type PDU, type PduFields, type Session } from 'smpp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lab, type LabOptions } from '../lab.ts';
import { defaultCarriers } from '../model/defaults.ts';
import { FarEnd } from '../testing/far-end.ts';

vi.setConfig({ testTimeout: 30_000 });

const own = '+14155550101';
const smsNumber = '+14155559001';
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

let folder: string;
let farEnd: FarEnd;
let server: LabOptions['server'];
let lab: Lab;
let sessions: Session[];
let delivered: PDU[];
/** Of deliver_sm; 0 when there is none left. */
let answers: number[];

function open(settings: Partial<LabOptions> = {}): Lab {
  const carriers = defaultCarriers().map((carrier) => ({
    ...carrier,
    sipPort: 0,
    ...(carrier.id === 'lab-gsm' ? { smpp: { systemId: 'gsm', password: 'secret' } } : {}),
  }));
  return new Lab({ server, carriers, smppPort: 0, stateFile: join(folder, 'lab.json'), ...settings });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lab-smpp-'));
  farEnd = new FarEnd();
  server = await farEnd.start();
  [sessions, delivered, answers] = [[], [], []];
  lab = open();
  await lab.start();
});
afterEach(async () => {
  for (const session of sessions) session.destroy();
  await lab.close();
  await farEnd.close();
  rmSync(folder, { recursive: true });
});

/** Asks and waits for the answer. */
const ask = (session: Session, command: string, fields: PduFields = {}) =>
  new Promise<PDU>((resolve) => session.send(new smpp.PDU(command, fields), resolve));

async function bind(command = 'bind_transceiver', password = 'secret', systemId = 'gsm') {
  const session = smpp.connect({ host: '127.0.0.1', port: lab.smppPort });
  sessions.push(session);
  session.on('error', () => {});
  session.on('deliver_sm', (pdu: PDU) => {
    delivered.push(pdu);
    session.send(pdu.response({ command_status: answers.shift() ?? 0 }));
  });
  await once(session, 'connect');
  return { session, answer: await ask(session, command, { system_id: systemId, password }) };
}

const message = (fields: PduFields = {}): PduFields => ({
  source_addr_ton: 5,
  source_addr: 'Ringthrough',
  dest_addr_ton: 1,
  destination_addr: own.slice(1),
  registered_delivery: 1,
  short_message: 'Your code is 123456 €',
  data_coding: 0,
  ...fields,
});
const inbox = () => lab.handset(own).inbox.map(({ text }) => text);
const receipts = () => delivered.filter(({ esm_class }) => esm_class === 4);
const asHex = (pdu: PDU) => BigInt(String(pdu.receipted_message_id)).toString(16).toUpperCase();

describe('the SMS centre of the lab', () => {
  it.each(['bind_transceiver', 'bind_transmitter', 'bind_receiver'])(
    'lets its own in by %s',
    async (command) => {
      expect((await bind(command)).answer.command_status).toBe(0);
      expect(lab.smsLink('lab-gsm')).toEqual({ protocol: 'smpp', up: true });
    },
  );

  it.each([
    ['gsm', 'wrong', 0x0e],
    ['nobody', 'secret', 0x0f],
  ])('lets %s with password %s not in', async (systemId, password, status) => {
    expect((await bind('bind_transceiver', password, systemId)).answer.command_status).toBe(status);
  });

  it('delivers, and returns a receipt with the same id in another form', async () => {
    const { session } = await bind();
    const answer = await ask(session, 'submit_sm', message());
    expect(answer.command_status).toBe(0);
    expect(inbox()).toEqual(['Your code is 123456 €']);
    expect(lab.handset(own).inbox[0]).toMatchObject({ from: 'Ringthrough' });
    await until(() => expect(receipts()).toHaveLength(1));
    expect(asHex(receipts()[0]!)).toBe(answer.message_id);
    expect(receipts()[0]).toMatchObject({ message_state: 2, source_addr: own.slice(1) });
    await until(() => expect(lab.sms()[0]).toMatchObject({ state: 'delivered', receipt: 'returned' }));
  });

  it('keeps what is for a handset out of coverage, and returns the receipt later, over a later connection', async () => {
    lab.setCoverage(own, 'no-coverage');
    const { session } = await bind();
    await ask(session, 'submit_sm', message());
    expect(inbox()).toEqual([]);
    expect(lab.handset(own).waitingSms).toBe(1);
    lab.dropSmsLink('lab-gsm');
    await until(() => expect(lab.smsLink('lab-gsm').up).toBe(false));
    lab.setCoverage(own, 'covered');
    expect(inbox()).toHaveLength(1);
    expect(receipts()).toEqual([]);
    await bind('bind_receiver');
    await until(() => expect(receipts()).toHaveLength(1));
  });

  it('sends a receipt again that was not taken', async () => {
    answers = [0x64];
    const { session } = await bind();
    await ask(session, 'submit_sm', message());
    await until(() => expect(receipts()).toHaveLength(2));
    await until(() => expect(lab.sms()[0]).toMatchObject({ receipt: 'returned' }));
  });

  it('joins the parts of a long message, out of order and twice, and over a restart', async () => {
    const part = (number: number, text: string) =>
      message({
        esm_class: 0x40,
        short_message: Buffer.concat([Buffer.from([5, 0, 3, 9, 3, number]), Buffer.from(text)]),
      });
    const first = await bind();
    const ids = [await ask(first.session, 'submit_sm', part(2, 'two '))];
    ids.push(await ask(first.session, 'submit_sm', part(2, 'two ')));
    await lab.close();
    lab = open();
    await lab.start();
    const { session } = await bind();
    ids.push(await ask(session, 'submit_sm', part(3, 'three')));
    expect(inbox()).toEqual([]);
    ids.push(await ask(session, 'submit_sm', part(1, 'one ')));
    expect(inbox()).toEqual(['one two three']);
    await until(() => expect(receipts()).toHaveLength(3));
    expect(new Set(receipts().map(asHex))).toEqual(new Set(ids.map(({ message_id }) => message_id)));
  });

  it('joins by sar_ parameters, and takes message_payload', async () => {
    const { session } = await bind();
    for (const [index, text] of ['Grüße, ', 'कोड'].entries()) {
      const place = { sar_msg_ref_num: 4, sar_total_segments: 2, sar_segment_seqnum: index + 1 };
      await ask(session, 'submit_sm', message({ data_coding: 8, short_message: text, ...place }));
    }
    await ask(session, 'submit_sm', message({ short_message: '', message_payload: 'x'.repeat(500) }));
    expect(inbox()).toEqual(['x'.repeat(500), 'Grüße, कोड']);
  });

  it('refuses numbers that no SIM has, and what is sent without a bind or over the wrong one', async () => {
    const { session } = await bind();
    const unknown = message({ destination_addr: '19995550000' });
    expect((await ask(session, 'submit_sm', unknown)).command_status).toBe(0x0b);
    const receiver = await bind('bind_receiver');
    expect((await ask(receiver.session, 'submit_sm', message())).command_status).toBe(0x04);
    const stranger = smpp.connect({ host: '127.0.0.1', port: lab.smppPort });
    sessions.push(stranger);
    await once(stranger, 'connect');
    expect((await ask(stranger, 'submit_sm', message())).command_status).toBe(0x04);
    expect(inbox()).toEqual([]);
  });

  it('says that it has too much, and that it is out of order, on demand', async () => {
    const { session } = await bind();
    lab.setCondition('lab-gsm', { sms: 'throttled' });
    expect((await ask(session, 'submit_sm', message())).command_status).toBe(0x58);
    lab.setCondition('lab-gsm', { sms: 'down' });
    await until(() => expect(lab.smsLink('lab-gsm').up).toBe(false));
    expect((await bind()).answer.command_status).toBe(0x08);
    lab.setCondition('lab-gsm', { sms: 'up' });
    expect((await bind()).answer.command_status).toBe(0);
  });

  it('hands over what handsets send, once somebody is bound who takes it', async () => {
    lab.sendSms(own, smsNumber, 'YES 123456');
    await bind('bind_transmitter');
    expect(delivered).toEqual([]);
    await bind('bind_receiver');
    await until(() => expect(delivered).toHaveLength(1));
    expect(delivered[0]).toMatchObject({
      source_addr: own.slice(1),
      source_addr_ton: 1,
      destination_addr: smsNumber.slice(1),
      short_message: { message: 'YES 123456' },
    });
    await until(() => expect(lab.sms()[0]).toMatchObject({ state: 'delivered', origin: 'handset' }));
  });

  it('hands over again what was not taken, and long texts in parts', async () => {
    answers = [0x64];
    await bind();
    const text = `${'long '.repeat(50)}😀`;
    lab.sendSms(own, smsNumber, text);
    await until(() => expect(lab.sms()[0]).toMatchObject({ state: 'delivered' }));
    const words = delivered
      .slice(1)
      .map(({ short_message }) => (short_message as { message: string }).message);
    expect(words.join('')).toBe(text);
    expect(words.length).toBeGreaterThan(1);
  });

  it('says which port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const second = open({ smppPort: port });
    await expect(second.start()).rejects.toMatchObject({ name: 'SmppListenError', code: 'EADDRINUSE', port });
    await second.close();
    await new Promise((resolve) => other.close(resolve));
  });

  it('outlives what is no SMPP', async () => {
    const stranger = smpp.connect({ host: '127.0.0.1', port: lab.smppPort });
    sessions.push(stranger);
    stranger.on('error', () => {});
    await once(stranger, 'connect');
    stranger.socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(stranger, 'close');
    expect((await bind()).answer.command_status).toBe(0);
  });
});

it('a carrier without SMPP posts what handsets send, and receipts, until they are taken', async () => {
  const posted: Array<{ url: string; body: unknown; token: string | undefined }> = [];
  const statuses = [503, 503];
  await lab.close();
  const webhook = { inboundUrl: '/in', receiptUrl: '/receipt', token: 'secret' };
  lab = new Lab({
    server,
    carriers: defaultCarriers().map((carrier) => ({ ...carrier, sipPort: 0, webhook })),
    post: async (url, { headers, body }) => {
      posted.push({ url, body: JSON.parse(body), token: headers.authorization });
      return statuses.shift() ?? 202;
    },
  });
  await lab.start();
  const { id } = lab.sendSms(own, smsNumber, 'YES');
  lab.acceptSms({ id: 'our-1', from: 'Ringthrough', to: own, text: 'hello' });
  await until(() => expect(lab.sms().map(({ state }) => state)).toEqual(['delivered', 'delivered']));
  await until(() => expect(lab.sms()[0]).toMatchObject({ id: 'our-1', receipt: 'returned' }));
  expect(posted).toContainEqual({
    url: '/in',
    body: { id, from: own, to: smsNumber, text: 'YES' },
    token: 'Bearer secret',
  });
  expect(posted).toContainEqual({
    url: '/receipt',
    body: { id: 'our-1', state: 'delivered' },
    token: 'Bearer secret',
  });
  expect(posted.length).toBeGreaterThanOrEqual(4);
});
