import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Pdu } from '@ringthrough/smpp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CuttingProxy, type Fate } from './testing/cutting-proxy.ts';
import { configOf, SmsHouse } from './testing/sms-house.ts';
import { Smsc } from './testing/smsc.ts';

vi.setConfig({ testTimeout: 60_000 });

const number = '+14155550101';
const until = (condition: () => Promise<boolean> | boolean) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 40_000, interval: 5 });

let smsc: Smsc;
let port: number;
let house: SmsHouse;
let proxy: CuttingProxy | undefined;

beforeEach(async () => {
  smsc = new Smsc();
  port = await smsc.listen();
  proxy = undefined;
});
afterEach(async () => {
  await house.close();
  await proxy?.close();
  await smsc.close();
});

const texts = () => smsc.taken.map(({ text }) => text);
const send = (text: string, to = number) => house.sms.send('us', to, text);

describe('SMS over SMPP', () => {
  it('go out, with receipts that come back in another form of the id', async () => {
    house = await SmsHouse.open({ port });
    await send('Your code is 123456');
    await until(() => house.isSent());
    const [part] = smsc.taken;
    expect(part).toMatchObject({ to: '14155550101', from: '14155559000', text: 'Your code is 123456' });
    expect(part!.pdu).toMatchObject({ registered_delivery: 1, data_coding: 0, source_addr_ton: 1 });
    expect(await smsc.receipt(part!)).toBe(0);
    expect(await house.rows()).toMatchObject([{ delivery: 'delivered', body: '', attempts: 1 }]);
    expect(house.sms.stats()).toMatchObject({
      sent: 1,
      failed: 0,
      carriers: [{ carrierId: 'us', up: true }],
    });
  });

  it('go out in national letters and in parts, each with a receipt', async () => {
    house = await SmsHouse.open({ port });
    const text = `नमस्ते, ${'आपका कोड '.repeat(20)}`;
    await send(text);
    await until(() => house.isSent());
    expect(texts().join('')).toBe(text);
    expect(smsc.taken.length).toBeGreaterThan(2);
    expect(smsc.taken.map(({ place }) => place?.[2])).toEqual(smsc.taken.map((_, index) => index + 1));
    for (const part of smsc.taken) await smsc.receipt(part);
    expect(await house.rows()).toMatchObject([{ delivery: 'delivered' }]);
  });

  it('tell why the carrier could not deliver', async () => {
    house = await SmsHouse.open({ port });
    await send('hello');
    await until(() => house.isSent());
    await smsc.receipt(smsc.taken[0]!, 'UNDELIV');
    expect(await house.rows()).toMatchObject([{ delivery: 'undeliverable' }]);
  });

  it.each([
    ['transmitter-receiver', ['bind_receiver', 'bind_transmitter']],
    ['transmitter', ['bind_transmitter']],
    ['transceiver', ['bind_transceiver']],
  ])('bind as %s', async (bind, commands) => {
    house = await SmsHouse.open({ port, bind });
    await send('hello');
    await until(() => house.isSent());
    await until(() => smsc.binds.length === commands.length);
    expect([...smsc.binds].sort()).toEqual(commands);
  });

  it('are given up with the reason where the carrier will never take them', async () => {
    smsc.answers = [0x0b];
    house = await SmsHouse.open({ port });
    await send('hello', '+14155550102');
    await until(async () => (await house.rows())[0]?.failed_at !== null);
    expect(await house.rows()).toMatchObject([{ error: 'ESME_RINVDSTADR', body: '', sent_at: null }]);
    expect(smsc.submits).toBe(1);
    await until(() => house.sms.stats().failed === 1);
  });

  it('are tried again where it may take them later', async () => {
    smsc.answers = [0x08, 0x64, 0x401];
    house = await SmsHouse.open({ port });
    await send('hello');
    await until(() => house.isSent());
    expect(await house.rows()).toMatchObject([{ attempts: 4, error: null }]);
    expect(texts()).toEqual(['hello']);
  });

  it('are sent again when no answer comes', async () => {
    smsc.answers = ['silence'];
    house = await SmsHouse.open({ port, answerSeconds: 0.05 });
    await send('hello');
    await until(() => house.isSent());
    expect(smsc.submits).toBe(2);
  });

  it('slow down when the carrier has too much, and lose nothing', async () => {
    smsc.most = 2;
    smsc.hold = () => new Promise((resolve) => setImmediate(resolve));
    house = await SmsHouse.open({ port, window: 10 });
    for (let count = 0; count < 40; count += 1)
      await house.sms.enqueue(house.store, 'us', number, `${count}`);
    house.sms.wake();
    await until(() => house.isSent());
    expect(new Set(texts()).size).toBe(40);
    expect(texts()).toHaveLength(40);
    expect(house.sms.stats().carriers[0]?.throttled).toBeGreaterThan(0);
    // To be told to wait is no failure: nothing was counted as a try but the last one.
    expect((await house.rows()).every(({ attempts }) => attempts === 1)).toBe(true);
    expect(smsc.submits).toBeLessThan(40 * 4);
  });

  it('honour a full queue in the same way', async () => {
    smsc.answers = [0x14, 0x14];
    house = await SmsHouse.open({ port, window: 1 });
    await send('hello');
    await until(() => house.isSent());
    expect(house.sms.stats().carriers[0]?.throttled).toBe(2);
    expect(await house.rows()).toMatchObject([{ attempts: 1 }]);
  });

  it('keep to the window', async () => {
    let most = 0;
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    smsc.hold = () => {
      most = Math.max(most, smsc.underWay);
      return gate;
    };
    house = await SmsHouse.open({ port, window: 3 });
    for (let count = 0; count < 12; count += 1)
      await house.sms.enqueue(house.store, 'us', number, `${count}`);
    house.sms.wake();
    await until(() => most === 3);
    release();
    await until(() => house.isSent());
    expect(most).toBe(3);
  });

  it('wait while nobody is there, and go when somebody is', async () => {
    await smsc.close();
    house = await SmsHouse.open({ port }, { alarmAfterSeconds: 0.01 });
    await send('hello');
    await until(() => house.logLines.some((line) => line.includes('out of reach for a while')));
    expect(await house.rows()).toMatchObject([{ attempts: 0, sent_at: null, body: 'hello' }]);
    expect(house.sms.stats().carriers).toMatchObject([{ up: false }]);
    expect(await house.sms.waiting()).toEqual([{ carrierId: 'us', count: 1 }]);
    smsc = new Smsc();
    await smsc.listen(port);
    await until(() => house.isSent());
    expect(texts()).toEqual(['hello']);
  });

  it('raise an alarm when the SMS centre does not let us in', async () => {
    smsc.bindAnswers = [0x0e];
    house = await SmsHouse.open({ port });
    await send('hello');
    await until(() => house.isSent());
    const errors = house.logLines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50);
    expect(errors).toMatchObject([{ why: 'bind refused: ESME_RINVPASWD', carrierId: 'us' }]);
  });

  it('leave no number, text or password in the log', async () => {
    house = await SmsHouse.open({ port });
    smsc.answers = [0x58, 0x08, 0];
    await send('Your code is 123456');
    await until(() => house.isSent());
    await smsc.receipt(smsc.taken[0]!);
    await smsc.deliver({ source_addr_ton: 1, source_addr: '14155550101', short_message: 'YES please' });
    smsc.drop();
    await until(() => house.logLines.some((line) => line.includes('no connection')));
    expect(house.logLines.join('')).not.toMatch(/4155550101|4155559000|123456|YES please|secret/);
  });

  it('follow the catalogue: another SMS centre, and none', async () => {
    house = await SmsHouse.open({ port });
    await until(() => smsc.bound);
    const other = new Smsc();
    const { carriers } = configOf({ port: await other.listen() });
    house.catalogue.replace('configuration', carriers);
    await until(() => other.bound && !smsc.bound);
    await send('hello');
    await until(() => house.isSent());
    expect(other.taken.map(({ text }) => text)).toEqual(['hello']);
    house.catalogue.replace('configuration', []);
    await until(() => !other.bound);
    await send('nowhere');
    await until(async () => (await house.rows()).some(({ failed_at }) => failed_at !== null));
    await other.close();
  });

  it('unbind on the way down, and wait for answers that are under way', async () => {
    let release: () => void = () => {};
    smsc.hold = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    house = await SmsHouse.open({ port });
    await send('hello');
    await until(() => smsc.submits === 1);
    const closing = house.sms.close();
    release();
    await closing;
    expect(await house.rows()).toMatchObject([{ attempts: 1, error: null, body: '' }]);
    expect((await house.rows())[0]?.sent_at).not.toBeNull();
    house.begin({ port });
    await until(() => smsc.bound);
    expect(smsc.submits).toBe(1);
  });
});

describe('a connection that is cut', () => {
  /** Of the nth PDU of a kind. */
  const at = (command: string, nth: number, fate: Fate) => {
    let seen = 0;
    return (pdu: Pdu): Fate => {
      if (pdu.command !== command) return 'pass';
      seen += 1;
      return seen === nth ? fate : 'pass';
    };
  };
  const long = 'part '.repeat(150);

  async function openCut(fate: (pdu: Pdu) => Fate, settings = {}): Promise<CuttingProxy> {
    proxy = await CuttingProxy.open(port);
    proxy.fate = fate;
    house = await SmsHouse.open({ port: proxy.port, ...settings });
    return proxy;
  }

  it.each([
    ['before the bind arrives', at('bind_transceiver', 1, 'cut-before')],
    ['before the answer to the bind', at('bind_transceiver_resp', 1, 'cut-before')],
    ['right after the bind', at('bind_transceiver_resp', 1, 'cut-after')],
    ['before a message arrives', at('submit_sm', 1, 'cut-before')],
  ])('%s: it is sent once', async (_, fate) => {
    const cut = await openCut(fate);
    await send('hello');
    await until(() => house.isSent());
    expect(cut.cuts).toBe(1);
    expect(texts()).toEqual(['hello']);
  });

  it.each([
    ['after a message', at('submit_sm', 1, 'cut-after')],
    ['before its answer', at('submit_sm_resp', 1, 'cut-before')],
  ])('%s: it is sent at least once, and again only that', async (_, fate) => {
    const cut = await openCut(fate);
    await send('hello');
    await until(() => house.isSent());
    expect(cut.cuts).toBe(1);
    expect(new Set(texts())).toEqual(new Set(['hello']));
    expect(smsc.submits).toBeLessThanOrEqual(2);
  });

  it.each([1, 2, 3, 4, 5])(
    'at the answer to part %i of five: parts that were answered for are not sent again',
    async (nth) => {
      // One at a time: then it is known exactly which was without an answer.
      const cut = await openCut(at('submit_sm_resp', nth, 'cut-before'), { window: 1 });
      await send(long);
      await until(() => house.isSent());
      expect(cut.cuts).toBe(1);
      const places = smsc.taken.map(({ place }) => place?.[2]);
      expect(places).toEqual([1, 2, 3, 4, 5].flatMap((part) => (part === nth ? [part, part] : [part])));
      // The same reference, or the handset could not join them.
      expect(new Set(smsc.taken.map(({ place }) => place?.[0])).size).toBe(1);
    },
  );

  it('in the middle of a full window: everything arrives, and twice only what had no answer', async () => {
    const cut = await openCut(at('submit_sm_resp', 7, 'cut-before'), { window: 5 });
    for (let count = 0; count < 30; count += 1)
      await house.sms.enqueue(house.store, 'us', number, `${count}`);
    house.sms.wake();
    await until(() => house.isSent());
    expect(cut.cuts).toBe(1);
    expect(new Set(texts()).size).toBe(30);
    expect(smsc.taken.length - 30).toBeLessThanOrEqual(5);
  });

  it('again and again: everything arrives', async () => {
    let count = 0;
    await openCut(({ command }) => {
      if (command === 'submit_sm_resp') count += 1;
      return command === 'submit_sm_resp' && count % 4 === 0 ? 'cut-before' : 'pass';
    });
    for (let one = 0; one < 20; one += 1) await house.sms.enqueue(house.store, 'us', number, `${one}`);
    house.sms.wake();
    await until(() => house.isSent());
    expect(new Set(texts()).size).toBe(20);
  });

  it('between a message that came in and our answer: it is told to listeners once', async () => {
    const cut = await openCut(at('deliver_sm_resp', 1, 'cut-before'));
    await until(() => smsc.bound);
    const message = { source_addr_ton: 1, source_addr: '14155550101', short_message: 'YES' };
    expect(await smsc.deliver(message)).toBeUndefined();
    await until(() => smsc.bound);
    expect(await smsc.deliver(message)).toBe(0);
    await until(() => house.heard.length > 0);
    expect(cut.cuts).toBe(1);
    await until(() => house.sms.stats().duplicates === 1);
    expect(house.sms.stats().received).toBe(1);
    expect(house.heard).toMatchObject([{ from: number, text: 'YES', carrierId: 'us' }]);
  });

  it('by silence: it is noticed, and another one is made', async () => {
    let silent = false;
    const cut = await openCut(() => 'pass', { enquireLinkSeconds: 0.05, answerSeconds: 0.1 });
    await until(() => smsc.bound);
    const first = [...smsc.sessions][0];
    // A network that swallows everything and closes nothing.
    cut.fate = () => {
      silent = true;
      return 'pass';
    };
    first?.socket.pause();
    first?.pause();
    await until(() => smsc.binds.length === 2);
    expect(silent).toBe(true);
    expect(house.logLines.join('')).toContain('no answer to enquire_link');
  });
});

describe('SMS that come in over SMPP', () => {
  const to = { dest_addr_ton: 1, destination_addr: '14155559001' };
  const from = { source_addr_ton: 1, source_addr: '14155550101' };
  const part = (number: number, text: string, { reference = 5, parts = 3 } = {}) => ({
    ...from,
    ...to,
    esm_class: 0x40,
    short_message: Buffer.concat([Buffer.from([5, 0, 3, reference, parts, number]), Buffer.from(text)]),
  });
  const open = async (sms = {}) => {
    house = await SmsHouse.open({ port }, sms);
    await until(() => smsc.bound);
  };
  const heardTexts = () => house.heard.map(({ text }) => text);

  it('are in the database before they are acknowledged', async () => {
    await open();
    expect(await smsc.deliver({ ...from, ...to, short_message: 'YES [123] €' })).toBe(0);
    expect(await house.store.selectFrom('sms_inbox').selectAll().execute()).toMatchObject([
      { sender: number, recipient: '+14155559001', carrier_id: 'us' },
    ]);
    await until(() => house.heard.length === 1);
    expect(house.heard[0]).toMatchObject({ text: 'YES [123] €', to: '+14155559001' });
  });

  it('are not acknowledged when they cannot be stored', async () => {
    await open();
    await house.store.schema.dropTable('sms_inbox').execute();
    expect(await smsc.deliver({ ...from, ...to, short_message: 'YES' })).toBe(0x64);
    expect(house.logLines.join('')).toContain('received SMS not stored');
  });

  it('may be national, nameless, or binary', async () => {
    await open();
    await smsc.deliver({
      source_addr_ton: 2,
      source_addr: '4155550101',
      ...to,
      data_coding: 8,
      short_message: 'हाँ 👍',
    });
    await smsc.deliver({ source_addr_ton: 5, source_addr: 'Bank', ...to, short_message: 'offer' });
    await smsc.deliver({ ...from, ...to, data_coding: 4, short_message: Buffer.from([1, 200]) });
    await until(() => house.heard.length === 3);
    expect(house.heard.map((one) => one.from)).toEqual([number, 'Bank', number]);
    expect(heardTexts()).toEqual(['हाँ 👍', 'offer', '\u0001È']);
  });

  it.each(['14155550101', '+14155550101', ' +14155550101', '++14155550101'])(
    'under the name %j are of no number',
    async (source_addr) => {
      await open();
      await smsc.deliver({ source_addr_ton: 5, source_addr, ...to, short_message: 'YES' });
      await until(() => house.heard.length === 1);
      expect(house.heard[0]?.from).toBe('14155550101');
    },
  );

  it('are put together from their parts: out of order, twice, and mixed with others', async () => {
    await open();
    await smsc.deliver(part(3, 'three'));
    await smsc.deliver(part(1, 'eins ', { reference: 6, parts: 2 }));
    await smsc.deliver(part(1, 'one '));
    await smsc.deliver(part(1, 'one '));
    expect(house.heard).toEqual([]);
    await smsc.deliver(part(2, 'two '));
    await smsc.deliver(part(2, 'zwei', { reference: 6, parts: 2 }));
    // The SMS centre did not see the last answer.
    await smsc.deliver(part(2, 'two '));
    await until(() => house.heard.length === 2);
    expect(heardTexts()).toEqual(['one two three', 'eins zwei']);
  });

  it('are put together over a restart', async () => {
    await open();
    await smsc.deliver(part(2, 'two '));
    await smsc.deliver(part(1, 'one '));
    await house.restart({ port });
    await until(() => smsc.bound);
    await smsc.deliver(part(3, 'three'));
    await until(() => house.heard.length === 1);
    expect(heardTexts()).toEqual(['one two three']);
  });

  it('whose characters lie across two parts are whole', async () => {
    await open();
    const [high, low] = [Buffer.from([0xd8, 0x3d]), Buffer.from([0xde, 0x00])];
    for (const [index, octets] of [high, low].entries()) {
      const header = Buffer.from([5, 0, 3, 9, 2, index + 1]);
      await smsc.deliver({
        ...from,
        ...to,
        esm_class: 0x40,
        data_coding: 8,
        short_message: Buffer.concat([header, octets]),
      });
    }
    await until(() => house.heard.length === 1);
    expect(heardTexts()).toEqual(['😀']);
  });

  it('with a reference that is used again are another message', async () => {
    await open();
    for (const [number, text] of [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [1, 'x'],
      [2, 'y'],
      [3, 'z'],
    ] as const)
      await smsc.deliver(part(number, text));
    await until(() => house.heard.length === 2);
    expect(heardTexts()).toEqual(['abc', 'xyz']);
  });

  it('that never become whole are told with gaps after a while: they were acknowledged', async () => {
    await open({ partsSeconds: 10 });
    await smsc.deliver(part(1, 'one '));
    await smsc.deliver(part(3, 'three'));
    const { now } = house;
    house.now = () => now() + 60_000;
    await until(() => house.heard.length === 1);
    expect(heardTexts()).toEqual(['one  […] three']);
    const parts = () => house.store.selectFrom('sms_inbox_parts').selectAll().execute();
    await until(async () => (await parts()).length === 0);
    expect(house.logLines.join('')).toContain('never came');
  });

  it('may come by data_sm and in message_payload; other commands are refused', async () => {
    await open();
    const [session] = [...smsc.sessions];
    const { default: smpp } = await import('smpp');
    const ask = (command: string, fields: object) =>
      new Promise((resolve) =>
        session!.send(new smpp.PDU(command, { ...fields }), (answer) => resolve(answer.command_status)),
      );
    expect(await ask('data_sm', { ...from, ...to, message_payload: 'by data_sm' })).toBe(0);
    expect(await ask('query_sm', { message_id: '1' })).toBe(0x03);
    await until(() => house.heard.length === 1);
    expect(heardTexts()).toEqual(['by data_sm']);
  });

  it('are refused for good when they cannot be read, and the connection stays', async () => {
    await open();
    const [session] = [...smsc.sessions];
    const answered = new Promise<number>((resolve) =>
      session!.once('deliver_sm_resp', (pdu) => resolve(pdu.command_status)),
    );
    session!.socket.write(Buffer.from([0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 1, 0x41, 0x42]));
    expect(await answered).toBe(0x65);
    expect(await smsc.deliver({ ...from, ...to, short_message: 'YES' })).toBe(0);
    expect(house.logLines.join('')).toContain('cannot be read');
  });

  it('leave receipts that make no sense alone', async () => {
    await open();
    expect(await smsc.deliver({ ...from, esm_class: 4, short_message: 'what?' })).toBe(0);
    expect(await smsc.deliver({ ...from, esm_class: 4, short_message: 'id:unknown stat:DELIVRD' })).toBe(0);
    expect(house.heard).toEqual([]);
  });
});

it('an SMS centre that takes connections and nothing else holds nobody up', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port: silentPort } = silent.address() as { port: number };
  house = await SmsHouse.open({ port: silentPort, answerSeconds: 0.02 });
  await send('hello');
  await until(() => house.logLines.some((line) => line.includes('no answer to bind_transceiver')));
  await house.sms.close();
  await new Promise((resolve) => silent.close(resolve));
  house.begin({ port });
  await until(() => house.isSent());
});
