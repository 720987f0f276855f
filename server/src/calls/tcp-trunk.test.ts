import {
  type SipMessage,
  SipRequest,
  SipResponse,
  type SipStack,
  StreamFramer,
  serializeMessage,
} from '@ringthrough/sip';
import type { MemoryNetwork } from '@ringthrough/sip/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, createWorld, onlyRow, world } from './testing/scenes.ts';
import { server, TestCaller } from './testing/test-peers.ts';
import { numbers, type TestDevice } from './testing/world.ts';

afterEach(closeWorld);

/** A switch that calls over TCP; `called` is whether it takes connections, too. */
async function dialOverTcp(
  called: boolean,
): Promise<{ caller: TestCaller; device: TestDevice; trunk: SipStack }> {
  await createWorld();
  const device = await world.device();
  const listeners = called
    ? [{ protocol: 'tcp' as const, host: '10.0.1.1', port: 5071 }]
    : [{ protocol: 'udp' as const, host: '10.0.1.1', port: 5071 }];
  const trunk = await world.newStack('10.0.1.1', 5071, { listeners });
  const request = new SipRequest('INVITE', `sip:${numbers.c}@10.0.0.1`, {
    headers: [
      ['From', `<sip:${numbers.caller}@c>`],
      ['To', `<sip:${numbers.c}@10.0.0.1>`],
      ['Contact', '<sip:switch@10.0.1.1:5071;transport=tcp>'],
      ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`],
    ],
    body: fakeSdp('trunk'),
  });
  const target = { protocol: 'tcp' as const, host: server.host, port: server.port };
  const caller = new TestCaller(trunk.invite({ request, target }));
  await world.until('it rings', () => device.calls.length === 1);
  device.call.progress(180);
  await world.until('ringback', () => caller.statuses.includes(180));
  return { caller, device, trunk };
}

type Machine = ReturnType<MemoryNetwork['host']>;
type StreamSocket = ReturnType<Machine['connectTcp']>;
type StreamListener = Awaited<ReturnType<Machine['listenTcp']>>;

/** A switch over TCP whose transactions outlive its connections, as RFC 3261 section 18.2.2 lets it hope for. */
class RawSwitch {
  readonly statuses: number[] = [];
  readonly byes: SipRequest[] = [];
  /** Connections that were opened to it. */
  accepted = 0;
  connection: StreamSocket;
  readonly #machine = world.network.host('10.0.1.1');
  #listener: StreamListener | undefined;
  #last: SipResponse | undefined;

  constructor() {
    void this.#machine
      .listenTcp({ host: '10.0.1.1', port: 5071 }, (socket) => {
        this.accepted += 1;
        this.connection = this.#read(socket);
      })
      .then((listener) => {
        this.#listener = listener;
      });
    this.connection = this.#read(this.#machine.connectTcp({ host: server.host, port: server.port }));
  }

  invite(): SipRequest {
    const invite = this.#request('INVITE', 1, `<sip:${numbers.c}@10.0.0.1>`, fakeSdp('trunk'));
    this.#send(invite);
    return invite;
  }

  acknowledge(invite: SipRequest): void {
    this.#send(this.#request('ACK', 1, this.#last?.headers.get('To') ?? '', ''));
    expect(invite.headers.get('Call-ID')).toBe(this.#last?.headers.get('Call-ID'));
  }

  answerBye(): void {
    const response = new SipResponse(200, 'OK');
    for (const name of ['Via', 'From', 'To', 'Call-ID', 'CSeq']) {
      for (const value of this.byes[0]?.headers.getAll(name) ?? []) response.headers.add(name, value);
    }
    this.#send(response);
  }

  async close(): Promise<void> {
    this.connection.end();
    await this.#listener?.close();
    await world.pass(1000);
  }

  #request(method: string, sequence: number, to: string, body: string): SipRequest {
    return new SipRequest(method, `sip:${numbers.c}@10.0.0.1`, {
      headers: [
        ['Via', `SIP/2.0/TCP 10.0.1.1:5071;branch=z9hG4bK${method}`],
        ['Max-Forwards', '70'],
        ['From', `<sip:${numbers.caller}@c>;tag=switch`],
        ['To', to],
        ['Call-ID', 'raw-switch'],
        ['CSeq', `${sequence} ${method}`],
        ['Contact', '<sip:switch@10.0.1.1:5071;transport=tcp>'],
        ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`],
        ...(body === '' ? [] : [['Content-Type', 'application/sdp'] as [string, string]]),
      ],
      body,
    });
  }

  #send(message: SipMessage): void {
    this.connection.write(serializeMessage(message));
  }

  #read(socket: StreamSocket): StreamSocket {
    const framer = new StreamFramer();
    socket.handle({
      open: () => undefined,
      close: () => undefined,
      data: (chunk) => {
        for (const event of framer.push(chunk)) {
          if (!('message' in event)) continue;
          const { message } = event;
          if (message.kind === 'request') this.byes.push(message);
          else {
            this.statuses.push(message.status);
            this.#last = message;
          }
        }
      },
    });
    return socket;
  }
}

describe('R-END: the connection of a trunk is lost', () => {
  test('while it rings, and the switch can be called back: the answer reaches it over a new one', async () => {
    await createWorld();
    const device = await world.device();
    const trunk = new RawSwitch();
    const invite = trunk.invite();
    await world.until('it rings', () => device.calls.length === 1);
    device.call.progress(180);
    await world.until('ringback', () => trunk.statuses.includes(180));
    trunk.connection.end();
    await world.pass(500);
    expect(world.calls.active()[0]?.state).toBe('ringing');
    device.answer();
    await world.until('the caller is answered', () => trunk.statuses.includes(200));
    expect(trunk.accepted).toBe(1);
    trunk.acknowledge(invite);
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    device.call.bye();
    await world.until('the switch is told', () => trunk.byes.length > 0);
    expect(trunk.byes[0]?.headers.get('Reason')).toBe('Q.850;cause=16;text="Normal call clearing"');
    trunk.answerBye();
    await world.settled();
    await trunk.close();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'device-hung-up' });
  });

  test('while it rings, and nobody can be called back: it ends when somebody answers, cleanly', async () => {
    const { caller, device } = await dialOverTcp(false);
    caller.session.flow?.close();
    await world.pass(500);
    device.answer();
    await world.until('the device is let go', () => device.reasons.length === 1, 60_000);
    await world.settled();
    const row = await onlyRow();
    expect([row?.outcome, row?.cause]).toEqual(['answered', 'carrier-lost']);
  });

  test('in the conversation: it goes on, and who hangs up is heard over a new one', async () => {
    const { caller, device } = await dialOverTcp(true);
    device.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    caller.session.flow?.close();
    await world.pass(60_000);
    expect(world.calls.active()[0]?.state).toBe('connected');
    device.call.bye();
    await world.settled();
    expect([caller.endedBy, caller.endReason]).toEqual([
      'peer',
      'Q.850;cause=16;text="Normal call clearing"',
    ]);
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'device-hung-up' });
  });

  test('in the conversation, and the switch is gone for good: the device hangs up, and nothing is left', async () => {
    const { caller, device, trunk } = await dialOverTcp(true);
    device.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    world.network.cut('10.0.1.1');
    caller.session.flow?.close();
    await world.pass(10_000);
    device.call.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'device-hung-up' });
    world.network.mend('10.0.1.1');
    await world.pass(40_000);
    expect(trunk.stats().dialogs).toBeLessThanOrEqual(1);
  });

  test('in the conversation, and nobody says a word: the silent media ends both sides', async () => {
    const { caller, device } = await dialOverTcp(true);
    device.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    world.network.cut('10.0.1.1');
    caller.session.flow?.close();
    // The media is what notices, since nothing is to be said in the dialog.
    world.media.connections[0]?.[0].emit('silent');
    await world.settled();
    expect(device.reasons[0]).toContain('cause=102');
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'media-silent' });
    world.network.mend('10.0.1.1');
    await world.pass(40_000);
  });
});
