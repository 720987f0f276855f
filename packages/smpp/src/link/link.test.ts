import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import smpp, { type PDU, type Server, type Session } from 'smpp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodePdu, type Pdu } from '../pdu/pdu.ts';
import { SmppClient, type SmppClientOptions, type SmppLinkState } from './client.ts';
import { type Answer, SmppSession, type SmppSessionOptions } from './session.ts';

vi.setConfig({ testTimeout: 30_000 });

const portOf = (server: NetServer) => (server.address() as AddressInfo).port;
const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000, interval: 5 });

/** The SMS centre is the npm package's own server: another implementation of sessions and of PDUs' texts. */
let server: Server;
let sessions: Session[];
let received: PDU[];
let bindStatus: number[];
let answers: Array<(session: Session, pdu: PDU) => void>;

beforeEach(async () => {
  [sessions, received, bindStatus, answers] = [[], [], [], []];
  server = smpp.createServer((session) => {
    sessions.push(session);
    session.on('error', () => {});
    session.on('pdu', (pdu: PDU) => {
      if (pdu.isResponse()) return;
      received.push(pdu);
      if (pdu.command.startsWith('bind_')) {
        const command_status = bindStatus.shift() ?? 0;
        session.send(pdu.response({ command_status, system_id: 'smsc' }));
      } else if (pdu.command === 'submit_sm') {
        const answer = answers.shift();
        if (answer) answer(session, pdu);
        else session.send(pdu.response({ message_id: `m${received.length}` }));
      } else session.send(pdu.response());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

let clients: SmppClient[] = [];
let states: SmppLinkState[] = [];
afterEach(async () => {
  for (const client of clients) await client.close();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
  clients = [];
  states = [];
});

function client(settings: Partial<SmppClientOptions> = {}): SmppClient {
  const made = new SmppClient({
    host: '127.0.0.1',
    port: settings.port ?? portOf(server),
    mode: 'transceiver',
    systemId: 'us',
    password: 'secret',
    systemType: '',
    addressRange: '',
    answerMs: 10_000,
    enquireLinkMs: 60_000,
    window: 10,
    firstReconnectMs: 1,
    maxReconnectMs: 50,
    onRequest: async () => ({ status: 0 }),
    onState: (state) => states.push(state),
    ...settings,
  });
  clients.push(made);
  made.start();
  return made;
}

describe('SmppClient', () => {
  it('binds, submits and unbinds', async () => {
    const one = client({ systemType: 'VMA', addressRange: '^1' });
    await until(() => one.session !== undefined);
    expect(received[0]).toMatchObject({
      command: 'bind_transceiver',
      system_id: 'us',
      password: 'secret',
      system_type: 'VMA',
      interface_version: 0x34,
      address_range: '^1',
    });
    const answer = await one.session!.submit('submit_sm', {
      destination_addr: '14155550101',
      short_message: Buffer.from('hello'),
    });
    expect(answer).toMatchObject({ status: 0, fields: { message_id: 'm2' } });
    expect(received[1]).toMatchObject({ short_message: { message: 'hello' } });
    await one.close();
    expect(received.at(-1)?.command).toBe('unbind');
    expect(one.session).toBeUndefined();
  });

  it.each(['transmitter', 'receiver'] as const)('binds as %s', async (mode) => {
    const one = client({ mode });
    await until(() => one.session !== undefined);
    expect(received[0]?.command).toBe(`bind_${mode}`);
  });

  it('takes messages, answers when they are dealt with, and says when they are not', async () => {
    const taken: string[] = [];
    const one = client({
      onRequest: async ({ command, fields }) => {
        taken.push(command);
        if (fields.source_addr === 'bad') throw new Error('the disk is full');
        return fields.source_addr === 'later' ? { status: 0x64 } : { status: 0 };
      },
    });
    await until(() => one.session !== undefined);
    const deliver = (source_addr: string) =>
      new Promise<PDU>((resolve) => sessions[0]!.deliver_sm({ source_addr, short_message: 'hi' }, resolve));
    expect(await deliver('+1')).toMatchObject({ command: 'deliver_sm_resp', command_status: 0 });
    expect(await deliver('later')).toMatchObject({ command_status: 0x64 });
    expect(await deliver('bad')).toMatchObject({ command_status: 0x08 });
    expect(taken).toHaveLength(3);
  });

  it('comes back after a lost connection, with another link', async () => {
    const links = new Set<string>();
    const one = client({
      onRequest: async (_, link) => {
        links.add(link);
        return { status: 0 };
      },
    });
    for (let round = 0; round < 3; round += 1) {
      await until(() => one.session !== undefined && sessions.length === round + 1);
      await new Promise((resolve) => sessions[round]!.deliver_sm({ short_message: 'x' }, resolve));
      sessions[round]!.destroy();
      await until(() => states.filter(({ state }) => state === 'down').length === round + 1);
    }
    await until(() => one.session !== undefined);
    expect(links.size).toBe(3);
  });

  it('waits longer each time while it is refused, with jitter, and binds in the end', async () => {
    bindStatus.push(0x0e, 0x0d, 0x0e, 0x0e, 0x0e, 0x0e, 0x0e);
    const one = client({ random: () => 0.5, maxReconnectMs: 16 });
    await until(() => one.session !== undefined);
    const downs = states.filter((state) => state.state === 'down');
    expect(downs.map(({ retryInMs }) => retryInMs)).toEqual([1, 2, 4, 8, 16, 16, 16]);
    expect(downs[0]).toMatchObject({ refused: true, why: 'bind refused: ESME_RINVPASWD' });
    expect(states.at(-1)).toEqual({ state: 'up' });
  });

  it('goes on trying while nobody listens', async () => {
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const one = client({ port });
    await until(() => states.length > 2);
    expect(states[0]).toMatchObject({ refused: false, why: 'ECONNREFUSED' });
    server.listen(port, '127.0.0.1');
    await until(() => one.session !== undefined);
  });

  it('leaves a server that takes connections and says nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).resume());
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    client({ port: portOf(silent), answerMs: 20 });
    await until(() => states.length > 1);
    expect(states[0]).toMatchObject({ why: 'no answer to bind_transceiver' });
    await clients[0]!.close();
    await new Promise((resolve) => silent.close(resolve));
  });
});

describe('SmppSession', () => {
  let near: SmppSession;
  let far: Socket;
  let listener: NetServer;
  const heard: Buffer[] = [];

  /** A session at one end of a real connection, raw octets at the other. */
  async function pair(settings: Partial<SmppSessionOptions> = {}): Promise<void> {
    heard.length = 0;
    listener = createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const socket = connect(portOf(listener), '127.0.0.1');
    const [peer] = (await once(listener, 'connection')) as [Socket];
    far = peer;
    far.on('data', (chunk: Buffer) => heard.push(chunk));
    far.on('error', () => {});
    near = new SmppSession({
      socket,
      answerMs: 10_000,
      enquireLinkMs: 60_000,
      window: 2,
      maxIncoming: 2,
      onRequest: async () => ({ status: 0 }),
      ...settings,
    });
  }
  afterEach(async () => {
    near?.destroy('test over');
    far?.destroy();
    if (listener?.listening) await new Promise((resolve) => listener.close(resolve));
  });
  const commands = () => {
    const all = Buffer.concat(heard);
    const found: number[] = [];
    for (let at = 0; at < all.length; at += all.readUInt32BE(at)) found.push(all.readUInt32BE(at + 4));
    return found;
  };

  it('has no more in the window than it may, and no answer is lost', async () => {
    await pair();
    const all = Promise.all(
      Array.from({ length: 5 }, () => near.submit('submit_sm', { short_message: Buffer.from('x') })),
    );
    await until(() => commands().length === 2);
    const answer = (sequence: number) =>
      far.write(encodePdu({ command: 'submit_sm_resp', sequence, fields: { message_id: `${sequence}` } }));
    // Out of order.
    answer(2);
    await until(() => commands().length === 3);
    answer(1);
    await until(() => commands().length === 4);
    answer(4);
    answer(3);
    await until(() => commands().length === 5);
    answer(5);
    expect((await all).map(({ fields }) => fields.message_id)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('fails what has no answer when the connection ends, and what waits for room', async () => {
    await pair({ window: 1 });
    const results = Promise.allSettled([near.submit('submit_sm', {}), near.submit('submit_sm', {})]);
    await until(() => commands().length === 1);
    far.destroy();
    for (const result of await results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'closed' } });
    }
    await near.ended;
    await expect(near.request('enquire_link')).rejects.toMatchObject({ code: 'closed' });
  });

  it('gives up an answer that does not come, or that nobody waits for', async () => {
    await pair({ answerMs: 10 });
    await expect(near.request('submit_sm')).rejects.toMatchObject({ code: 'timeout' });
    const gone = new AbortController();
    const request = near.request('submit_sm', {}, gone.signal);
    gone.abort();
    await expect(request).rejects.toMatchObject({ code: 'aborted' });
    // Late answers are nobody's.
    far.write(encodePdu({ command: 'submit_sm_resp', sequence: 1, fields: { message_id: 'late' } }));
    far.write(encodePdu({ command: 'enquire_link', sequence: 77 }));
    await until(() => commands().at(-1) === 0x80000015);
  });

  it('asks a silent peer whether it lives, and ends when it does not', async () => {
    await pair({ enquireLinkMs: 10, answerMs: 10_000 });
    await until(() => commands().includes(0x15));
    far.write(encodePdu({ command: 'enquire_link_resp', sequence: 1 }));
    await until(() => commands().filter((one) => one === 0x15).length === 2);
    expect(near.isOpen).toBe(true);
    near.destroy('next');
    far.destroy();
    await new Promise((resolve) => listener.close(resolve));
    await pair({ enquireLinkMs: 10, answerMs: 10 });
    expect(await near.ended).toBe('no answer to enquire_link');
  });

  it('answers enquire_link, unbind and commands that are none', async () => {
    await pair({
      onRequest: async (pdu: Pdu): Promise<Answer> => ({ status: pdu.command === 'unknown' ? 3 : 0 }),
    });
    const unknown = encodePdu({ command: 'enquire_link', sequence: 1 });
    unknown.writeUInt32BE(0x0777, 4);
    far.write(unknown);
    await until(() => commands().includes(0x80000000));
    far.write(encodePdu({ command: 'unbind', sequence: 2 }));
    expect(await near.ended).toBe('the peer unbound');
    await until(() => commands().includes(0x80000006));
  });

  it.each([0x0b, 0x8000_000b, 0x0102, 0x0121])(
    'lives on after command %i, which has no answer',
    async (id) => {
      await pair({ onRequest: async (): Promise<Answer> => ({ status: 3 }) });
      const odd = encodePdu({ command: 'enquire_link', sequence: 1 });
      odd.writeUInt32BE(id, 4);
      far.write(odd);
      far.write(encodePdu({ command: 'enquire_link', sequence: 2 }));
      await until(() => commands().includes(0x8000_0015));
      expect(near.isOpen).toBe(true);
    },
  );

  it('keeps no answers without end for a peer that takes none', async () => {
    let unsent = 0;
    const socket = new Duplex({ read: () => {}, write: () => {} });
    const session = new SmppSession({
      socket,
      answerMs: 1000,
      enquireLinkMs: 60_000,
      window: 1,
      maxIncoming: 64,
      onRequest: async () => ({ status: 0 }),
    });
    const question = encodePdu({ command: 'enquire_link', sequence: 1 });
    const flood = Buffer.concat(Array.from({ length: 4096 }, () => question));
    for (let round = 0; round < 200; round += 1) {
      socket.push(flood);
      await new Promise((resolve) => setImmediate(resolve));
      unsent = Math.max(unsent, socket.writableLength);
    }
    session.destroy('test over');
    expect(unsent).toBeLessThan(2 * 1024 * 1024);
  });

  it('reads no more than it can deal with', async () => {
    const open: Array<() => void> = [];
    await pair({ onRequest: () => new Promise((resolve) => open.push(() => resolve({ status: 0 }))) });
    for (let sequence = 1; sequence <= 50; sequence += 1) {
      far.write(encodePdu({ command: 'deliver_sm', sequence, fields: { short_message: Buffer.alloc(200) } }));
    }
    let done = 0;
    while (done < 50) {
      await until(() => open.length > 0);
      open.shift()?.();
      done += 1;
    }
    await until(() => commands().length === 50);
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a PDU of 4 octets', Buffer.from([0, 0, 0, 4])],
  ])('ends at %s', async (_, octets) => {
    await pair();
    far.write(octets);
    far.end();
    expect(await near.ended).toMatch(/no SMPP|closed/);
  });

  it('goes on after a message that cannot be read, and refuses it', async () => {
    await pair({ onRequest: async ({ malformed }) => ({ status: malformed ? 0x65 : 0 }) });
    const whole = encodePdu({ command: 'deliver_sm', sequence: 1, fields: { message_state: 2 } });
    const cut = Buffer.from(whole.subarray(0, whole.length - 1));
    cut.writeUInt32BE(cut.length, 0);
    far.write(cut);
    far.write(encodePdu({ command: 'deliver_sm', sequence: 2 }));
    await until(() => commands().length === 2);
    const answers = Buffer.concat(heard);
    expect([answers.readUInt32BE(8), answers.readUInt32BE(12)]).toEqual([0x65, 1]);
    expect(near.isOpen).toBe(true);
  });

  it('never throws out of a socket that fails', async () => {
    const socket = new Duplex({
      read: () => {},
      write: (_chunk, _encoding, done) => done(new Error('EPIPE')),
    });
    const session = new SmppSession({
      socket,
      answerMs: 1000,
      enquireLinkMs: 1000,
      window: 1,
      maxIncoming: 1,
      onRequest: async () => ({ status: 0 }),
    });
    await expect(session.request('enquire_link')).rejects.toMatchObject({ code: 'closed' });
    expect(await session.ended).toBe('EPIPE');
  });
});
