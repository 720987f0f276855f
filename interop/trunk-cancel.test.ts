import { afterAll, expect as assert, beforeAll, describe, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { allSucceed, device, expect, mustMatch, pause, Sipp, type Step, trunk } from './support/sipp.ts';
import { SippDevice } from './support/sipp-device.ts';

/** Keeps the INVITE's Via and CSeq, for the answer to it that is sent after a CANCEL came in between. */
const rememberInvite: Step =
  '<recv request="INVITE" rrs="true" timeout="15000"><action><ereg regexp=".*" search_in="hdr" header="Via:" assign_to="2"/><ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="3"/></action></recv>';

const NUMBER = '+14155550101';
const DIVERSION = [`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable`];

describe.skipIf(!hasPeer('sipp'))('R-CANCEL, R-FIRST and lost messages, with SIPp at both ends', () => {
  let server: Ringthrough;
  let person: Person;
  let first: SippDevice;
  let second: SippDevice;

  beforeAll(async () => {
    server = await Ringthrough.start();
    [person] = await Person.signUp(server, NUMBER);
    first = await SippDevice.register(server, (await person.addSoftphone('First')).sip);
    second = await SippDevice.register(server, (await person.addSoftphone('Second')).sip);
  });

  afterAll(() => server?.stop());

  /** One call with a script for the switch and one for each device; all three must run to their end. */
  function play(carrier: Step[], one: Step[], two: Step[]): Promise<string[]> {
    return allSucceed([
      first.play(one),
      second.play(two),
      new Sipp({ remotePort: server.sipPort, localPort: server.trunkPort, steps: carrier }),
    ]);
  }

  /** Outcome of the call of this test: the nth record, once its call is over. */
  let recorded = 0;
  const lastOutcome = async () => {
    recorded += 1;
    const record = await until(async () => {
      const all = await person.call<Array<{ outcome: string; endedAt: string | null }>>('GET', '/api/calls');
      return all.length === recorded && all[0]?.endedAt ? all[0] : undefined;
    });
    return record.outcome;
  };

  /** A device that is cancelled while it rings, for a reason. */
  const cancelled = (reason: string, ringing = true): Step[] => [
    expect.request('INVITE'),
    device.reply('100 Trying'),
    ...(ringing ? [device.reply('180 Ringing')] : []),
    expect.request('CANCEL', mustMatch('Reason', reason)),
    device.replyPlain('200 OK'),
  ];
  const terminated: Step[] = [
    `<send><![CDATA[

SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[pid]d[call_number]
[last_Call-ID:]
CSeq: [invite_cseq] INVITE
Content-Length: 0

]]></send>`,
    expect.request('ACK'),
  ];

  const hangUpWhileRinging = (after: Step[]): Step[] => [
    trunk.invite(DIVERSION),
    ...after,
    trunk.cancel(after.length + 1),
    expect.response(200),
    expect.response(487),
    trunk.ackFailure(after.length + 4),
  ];

  it('caller hangs up after 180: every device is cancelled, and not as "answered elsewhere"', async () => {
    const one = finish487(cancelled('cause=487'));
    const two = finish487(cancelled('cause=487'));
    await play(
      hangUpWhileRinging([expect.response(100, { optional: true }), expect.response(180), pause(200)]),
      one,
      two,
    );
    assert(await lastOutcome()).toBe('missed');
  });

  it('caller hangs up before any 180', async () => {
    const one = finish487(cancelled('cause=487', false));
    const two = finish487(cancelled('cause=487', false));
    await play(hangUpWhileRinging([expect.response(100), pause(300)]), one, two);
    assert(await lastOutcome()).toBe('missed');
  });

  it('one device answers: the other is cancelled with "Call completed elsewhere"', async () => {
    await play(
      [
        trunk.invite(DIVERSION),
        expect.response(100, { optional: true }),
        expect.response(180),
        expect.response(200),
        trunk.ack(),
        pause(500),
        trunk.bye(),
        expect.response(200),
      ],
      [
        expect.request('INVITE'),
        device.reply('180 Ringing'),
        pause(500),
        device.reply('200 OK', { body: true }),
        expect.request('ACK'),
        expect.request('BYE'),
        device.replyPlain('200 OK'),
      ],
      finish487(cancelled('cause=200.*Call completed elsewhere')),
    );
    assert(await lastOutcome()).toBe('answered');
  });

  it('200 of the losing device crosses its CANCEL: it gets ACK, then BYE', async () => {
    await play(
      [
        trunk.invite(DIVERSION),
        expect.response(100, { optional: true }),
        expect.response(180),
        expect.response(200),
        trunk.ack(),
        pause(500),
        trunk.bye(),
        expect.response(200),
      ],
      [
        expect.request('INVITE'),
        device.reply('180 Ringing'),
        pause(500),
        device.reply('200 OK', { body: true }),
        expect.request('ACK'),
        expect.request('BYE'),
        device.replyPlain('200 OK'),
      ],
      [
        rememberInvite,
        device.reply('180 Ringing'),
        expect.request('CANCEL'),
        device.replyPlain('200 OK'),
        answerInvite,
        expect.request('ACK'),
        expect.request('BYE', mustMatch('Reason', 'SIP;cause=200.*Call completed elsewhere')),
        device.replyPlain('200 OK'),
      ],
    );
    assert(await lastOutcome()).toBe('answered');
  });

  it('200 to the switch crosses its CANCEL: the call stands until BYE', async () => {
    const answering: Step[] = [
      expect.request('INVITE'),
      device.reply('180 Ringing'),
      pause(500),
      device.reply('200 OK', { body: true }),
      expect.request('ACK'),
      expect.request('BYE'),
      device.replyPlain('200 OK'),
    ];
    await play(
      [
        trunk.invite(DIVERSION),
        expect.response(100, { optional: true }),
        expect.response(180),
        expect.response(200),
        trunk.cancel(4),
        expect.response(200),
        trunk.ack(),
        trunk.bye(),
        expect.response(200),
      ],
      answering,
      finish487(cancelled('cause=200')),
    );
    assert(await lastOutcome()).toBe('answered');
  });

  it('INVITE sent twice rings once; 200 is repeated until the ACK comes', async () => {
    const [answered, , carrier] = await play(
      [
        trunk.invite(DIVERSION),
        expect.response(100),
        trunk.invite(DIVERSION, { branchOffset: '-2' }),
        expect.response(180),
        expect.response(200),
        pause(1800),
        trunk.ack(),
        pause(200),
        trunk.bye(),
        expect.response(200),
      ],
      [
        expect.request('INVITE'),
        device.reply('100 Trying'),
        pause(500),
        device.reply('180 Ringing'),
        device.reply('200 OK', { body: true }),
        expect.request('ACK'),
        expect.request('BYE'),
        device.replyPlain('200 OK'),
      ],
      finish487(cancelled('cause=200')),
    );
    const times = (text: string | undefined, part: RegExp) => text?.match(part)?.length ?? 0;
    assert(
      times(carrier, /received[^\n]*\n\nSIP\/2.0 200 OK(?:\r?\n[^\r\n]+)*?\r?\nCSeq: 1 INVITE/g),
    ).toBeGreaterThan(1);
    // A slow SIPp may get the one INVITE again; a second call would come with a branch of its own.
    const invites =
      answered?.matchAll(/\nINVITE [^\n]*\n(?:[^\r\n]+\r?\n)*?Via:[^\r\n]*;branch=([^;\r\n]+)/g) ?? [];
    assert(new Set([...invites].map(([, branch]) => branch)).size).toBe(1);
  });

  /** After the CANCEL was answered, the INVITE itself is: 487 with the INVITE's CSeq and Via. */
  function finish487(steps: Step[]): Step[] {
    return [
      rememberInvite,
      ...steps.slice(1),
      ...terminated.map((step) =>
        step.replace('[last_Via:]', 'Via:[$2]').replace('CSeq: [invite_cseq] INVITE', 'CSeq:[$3]'),
      ),
    ];
  }

  /** 200 to the INVITE although a CANCEL came after it. */
  const answerInvite: Step = device
    .reply('200 OK', { body: true })
    .replace('[last_Via:]', 'Via:[$2]')
    .replace('[last_CSeq:]', 'CSeq:[$3]');
});
