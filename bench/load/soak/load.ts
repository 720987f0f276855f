import { type Flow, SipRequest, type SipResponse, SipStack } from '@ringthrough/sip';
import { WebSocket } from 'ws';
import type { SipCredentials } from '../../../interop/support/person.ts';
import type { Ringthrough } from '../../../interop/support/ringthrough.ts';
import { device, expect, pause, type Step, trunk } from '../../../interop/support/sipp.ts';

/** A jump of SIPp, always or for a share of the calls. */
const jump = (label: number, chance?: number): Step =>
  `<nop next="${label}"${chance === undefined ? '' : ` chance="${chance}"`}/>`;
const label = (id: number): Step => `<label id="${id}"/>`;

/** One call in five is given up while it rings; the others are answered, by the device or the mailbox, and last 2 s. */
export const callerSteps = (number: string): Step[] => [
  trunk.invite([`Diversion: <sip:${number}@carrier.example>;reason=unavailable`], { measured: true }),
  expect.response(100, { optional: true }),
  expect.response(180),
  jump(1, 0.2),
  expect.response(200, { measured: true }),
  trunk.ack(),
  pause(2_000),
  trunk.bye(),
  expect.response(200),
  jump(2),
  label(1),
  trunk.cancel(10),
  expect.response(200),
  expect.response(487),
  trunk.ackFailure(13),
  label(2),
  pause(1),
];

const terminated: Step = `<send><![CDATA[

SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[pid]d[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0

]]></send>`;

/** Rings; is busy once in ten times, then the mailbox has the call; else it answers unless it is cancelled. */
export const deviceSteps: Step[] = [
  expect.request('INVITE'),
  device.reply('180 Ringing'),
  '<recv request="CANCEL" rrs="true" timeout="1000" ontimeout="1"/>',
  device.replyPlain('200 OK'),
  terminated,
  expect.request('ACK'),
  jump(3),
  label(1),
  jump(2, 0.1),
  device.reply('200 OK', { body: true }),
  expect.request('ACK'),
  expect.request('BYE'),
  device.replyPlain('200 OK'),
  jump(3),
  label(2),
  device.reply('486 Busy Here'),
  expect.request('ACK'),
  label(3),
  pause(1),
];

/** Telephones that refresh their registrations, and pages that come and go over WebSocket. */
export class Clients {
  readonly counts = { refreshed: 0, connected: 0, dropped: 0, failed: 0 };
  readonly #server: Ringthrough;
  readonly #stack: SipStack;
  readonly #sockets: Array<{ flow: Flow; socket: WebSocket }> = [];
  #sequence = 1;
  #stopped = false;
  #loops: Promise<void>[] = [];

  private constructor(server: Ringthrough, stack: SipStack) {
    this.#server = server;
    this.#stack = stack;
  }

  static async start(
    server: Ringthrough,
    telephones: SipCredentials[],
    pages: SipCredentials[],
    perSecond: { refreshes: number; connections: number },
  ): Promise<Clients> {
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port: 0 }];
    const stack = new SipStack({ userAgent: 'Soak', listeners });
    await stack.start();
    const clients = new Clients(server, stack);
    clients.#loops = [
      clients.#each(telephones, 1_000 / perSecond.refreshes, (sip) => clients.#refresh(sip)),
      clients.#each(pages, 1_000 / perSecond.connections, (sip) => clients.#visit(sip)),
    ];
    return clients;
  }

  /** Open connections of pages now. */
  get open(): number {
    return this.#sockets.length;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    for (const { socket } of this.#sockets.splice(0)) socket.terminate();
    await this.#stack.close();
  }

  /** In turn, in this rhythm, until the end. */
  async #each(
    who: SipCredentials[],
    everyMs: number,
    action: (sip: SipCredentials) => Promise<boolean>,
  ): Promise<void> {
    const running = new Set<Promise<void>>();
    let due = performance.now();
    for (let turn = 0; !this.#stopped; turn++) {
      const sip = who[turn % who.length];
      if (sip === undefined) return;
      const one = action(sip).then(
        (good) => void (good || this.counts.failed++),
        () => void this.counts.failed++,
      );
      running.add(one);
      void one.then(() => running.delete(one));
      due = Math.max(due + everyMs, performance.now() - 1_000);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
    await Promise.all(running);
  }

  async #refresh(sip: SipCredentials): Promise<boolean> {
    const contact = this.#stack.contactFor({
      protocol: 'udp',
      host: '127.0.0.1',
      port: this.#server.sipPort,
    });
    const { status } = await this.#register(sip, contact ?? '', 300);
    if (status === 200) this.counts.refreshed++;
    return status === 200;
  }

  /** Connects, registers, and stays until forty others have come; then it logs out, closes or is just gone. */
  async #visit(sip: SipCredentials): Promise<boolean> {
    const socket = new WebSocket(`${this.#server.url.replace('http', 'ws')}/sip`, 'sip');
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const flow = this.#stack.attachWebSocket(socket, { host: '127.0.0.1', port: this.#server.httpPort });
    this.#sockets.push({ flow, socket });
    const contact = `<sip:p${this.#sequence}@page.invalid;transport=ws>`;
    const { status } = await this.#register(sip, contact, 300, flow);
    if (status === 200) this.counts.connected++;
    if (this.#sockets.length > 10) {
      const oldest = this.#sockets.shift();
      const way = this.counts.dropped++ % 3;
      if (way === 0) oldest?.flow.close();
      else if (way === 1) oldest?.socket.terminate();
      else if (oldest) await this.#register(sip, contact, 0, oldest.flow).then(() => oldest.flow.close());
    }
    return status === 200;
  }

  /** With a Call-ID of its own: the stack's own answer to a challenge counts on from it. */
  #register(sip: SipCredentials, contact: string, expires: number, flow?: Flow): Promise<SipResponse> {
    const address = `<sip:${sip.user}@${sip.domain}>`;
    const request = new SipRequest('REGISTER', `sip:${sip.domain}`, {
      headers: [
        ['From', address],
        ['To', address],
        ['Call-ID', `soak-${this.#sequence}`],
        ['CSeq', `${++this.#sequence * 2} REGISTER`],
        ['Contact', `${contact};expires=${expires}`],
        ['Allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK'],
      ],
    });
    const target = flow
      ? { flow }
      : ({ protocol: 'udp', host: '127.0.0.1', port: this.#server.sipPort } as const);
    const credentials = { username: sip.user, password: sip.password };
    return this.#stack.request(request, target, { credentials });
  }
}
