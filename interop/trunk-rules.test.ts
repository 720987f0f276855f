import { afterAll, expect as assert, beforeAll, describe, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { allSucceed, device, expect, mustMatch, pause, Sipp, type Step, trunk } from './support/sipp.ts';
import { SippDevice } from './support/sipp-device.ts';
import { TcpSwitch } from './support/tcp-switch.ts';

const NUMBER = '+14155550101';
const DIVERSION = [`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable`];
const sdp = [
  'v=0',
  'o=switch 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 20000 RTP/AVP 8 0',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:0 PCMU/8000',
  '',
].join('\r\n');

describe.skipIf(!hasPeer('sipp'))('forks, late offers, glare and loops, with SIPp at both ends', () => {
  let server: Ringthrough;
  let person: Person;
  let phone: SippDevice;

  beforeAll(async () => {
    server = await Ringthrough.start();
    [person] = await Person.signUp(server, NUMBER);
    phone = await SippDevice.register(server, (await person.addSoftphone('Phone')).sip);
  });

  afterAll(() => server?.stop());

  function play(carrier: Step[], telephone: Step[]): Promise<string[]> {
    return allSucceed([
      phone.play(telephone),
      new Sipp({ remotePort: server.sipPort, localPort: server.trunkPort, steps: carrier }),
    ]);
  }

  let recorded = 0;
  const lastOutcome = async () => {
    recorded += 1;
    const record = await until(async () => {
      const all = await person.call<Array<{ outcome: string; endedAt: string | null }>>('GET', '/api/calls');
      return all.length === recorded && all[0]?.endedAt ? all[0] : undefined;
    });
    return record.outcome;
  };

  /** One of the telephones behind the contact says something. */
  const from = (tag: string, line: string, body = false): Step =>
    device
      .reply(line, { body })
      .replace('[pid]d[call_number]', `[pid]${tag}[call_number]`)
      .replace(' retrans="500"', '');

  const keep = (header: string, variable: string) =>
    `<ereg regexp=".*" search_in="hdr" header="${header}:" assign_to="${variable}"/>`;
  /** What answers the INVITE whose Via and To were kept, when the last message was another one. */
  const late = (step: Step): Step =>
    step
      .replace('[last_Via:]', 'Via:[$2]')
      .replace('[last_To:]', 'To:[$3]')
      .replace('[last_CSeq:]', 'CSeq: 1 INVITE');

  const conversation: Step[] = [
    trunk.invite(DIVERSION),
    expect.response(100, { optional: true }),
    expect.response(180),
    expect.response(200),
    trunk.ack(),
    pause(500),
    trunk.bye(),
    expect.response(200),
  ];

  it('several telephones answer one INVITE: the first is connected, the second gets ACK and BYE with the reason', async () => {
    await play(conversation, [
      expect.request('INVITE', `<action>${keep('Via', '2')}${keep('To', '3')}</action>`),
      from('a', '180 Ringing'),
      from('b', '183 Session Progress', true),
      from('c', '180 Ringing'),
      from('b', '200 OK', true),
      // SIPp takes nothing while it has something to send.
      expect.request('ACK'),
      late(from('c', '200 OK', true)),
      expect.request('ACK'),
      expect.request('BYE', mustMatch('Reason', 'cause=200.*Call completed elsewhere')),
      device.replyPlain('200 OK'),
      expect.request('BYE', mustMatch('Reason', 'Q.850;cause=16')),
      device.replyPlain('200 OK'),
    ]);
    assert(await lastOutcome()).toBe('answered');
  });

  /** An INVITE without a session description. */
  const emptyInvite = trunk
    .invite(DIVERSION)
    .replace(/Content-Type: application\/sdp[\s\S]*?(?=\]\]>)/, 'Content-Length: 0\n\n');
  const answering: Step[] = [
    expect.request('INVITE'),
    device.reply('180 Ringing'),
    pause(300),
    device.reply('200 OK', { body: true }),
    expect.request('ACK'),
  ];
  const hungUp: Step[] = [expect.request('BYE'), device.replyPlain('200 OK')];
  const description = /Content-Type: application\/sdp[\s\S]*?(?=\]\]>)/.exec(trunk.invite())?.[0] ?? '';

  it('an INVITE without an offer: ours is in the 200, the answer in the ACK', async () => {
    const [, carrier] = await play(
      [
        emptyInvite,
        expect.response(100, { optional: true }),
        expect.response(180),
        expect.response(200),
        trunk.ack().replace('Content-Length: 0\n', description),
        pause(500),
        trunk.bye(),
        expect.response(200),
      ],
      [...answering, ...hungUp],
    );
    assert(carrier).toMatch(/SIP\/2\.0 200 OK[\s\S]*m=audio/);
    assert(await lastOutcome()).toBe('answered');
  });

  it('an ACK without the answer that it owes: both sides are hung up, with the cause', async () => {
    await play(
      [
        emptyInvite,
        expect.response(100, { optional: true }),
        expect.response(180),
        expect.response(200),
        trunk.ack(),
        expect.request('BYE', mustMatch('Reason', 'Q.850;cause=65')),
        device.replyPlain('200 OK'),
      ],
      [...answering, ...hungUp],
    );
    assert(await lastOutcome()).toBe('failed');
  });

  /** From and To of the ACK, turned round for a request of the callee. */
  const ackWithNames =
    '<recv request="ACK" rrs="true" timeout="15000"><action><ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/><ereg regexp=".*" search_in="hdr" header="From:" assign_to="3"/></action></recv>';
  const ofCallee = (method: string, sequence: number, body: string): Step =>
    `<send${method === 'ACK' ? '' : ' retrans="500"'}><![CDATA[

${method} sip:ringthrough@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From:[$2]
To:[$3]
Call-ID: [call_id]
CSeq: ${sequence} ${method}
Contact: <sip:[local_ip]:[local_port]>
${body === '' ? 'Content-Length: 0\n\n' : body}
]]></send>`;

  it('both sides send a re-INVITE at once: each gets its answer, and the call goes on', async () => {
    const again = trunk.ack().replace('ACK [next_url]', 'INVITE [next_url]').replace('1 ACK', '2 INVITE');
    await play(
      [
        ...conversation.slice(0, 4),
        trunk.ack(),
        pause(300),
        again.replace('Content-Length: 0\n', `Contact: <sip:sipp@[local_ip]:[local_port]>\n${description}`),
        expect.response(100, { optional: true }),
        expect.response(200),
        trunk.ack().replace('1 ACK', '2 ACK'),
        pause(700),
        trunk.bye().replace('2 BYE', '3 BYE'),
        expect.response(200),
      ],
      [
        ...answering.slice(0, 4),
        ackWithNames,
        pause(300),
        ofCallee('INVITE', 1, description),
        expect.response(100, { optional: true }),
        expect.response(200),
        ofCallee('ACK', 1, ''),
        ...hungUp,
      ],
    );
    assert(await lastOutcome()).toBe('answered');
  });

  it('a call that has been through the C number already: 482, and nothing rings', async () => {
    const carrier = new Sipp({
      remotePort: server.sipPort,
      localPort: server.trunkPort,
      steps: [
        trunk.invite([...DIVERSION, 'Diversion: <sip:[cnumber]@carrier.example>;reason=unconditional']),
        expect.response(100, { optional: true }),
        expect.response(482, { check: mustMatch('Reason', 'Q.850;cause=25') }),
        trunk.ackFailure(3),
      ],
    });
    try {
      await carrier.succeeded();
    } finally {
      await carrier.stop();
    }
    assert(await lastOutcome()).toBe('failed');
  });

  it('the TCP connection of a switch breaks, while it rings and in the conversation: we open another one', async () => {
    const carrier = await TcpSwitch.open(server);
    const telephone = phone.play([
      expect.request('INVITE'),
      device.reply('180 Ringing'),
      pause(4000),
      device.reply('200 OK', { body: true }),
      ackWithNames,
      pause(4000),
      ofCallee('BYE', 1, ''),
      expect.response(200),
    ]);
    try {
      carrier.invite(NUMBER, sdp);
      await carrier.status(180);
      carrier.lose();
      await carrier.status(200);
      assert(carrier.accepted).toBe(1);
      carrier.ack();
      await until(() => server.gauge('ringthrough_calls_active').then((active) => active === 1));
      carrier.lose();
      const bye = await carrier.asked('BYE');
      assert([carrier.accepted, bye.headers.get('Reason')]).toEqual([
        2,
        'Q.850;cause=16;text="Normal call clearing"',
      ]);
      carrier.agree();
      await telephone.succeeded();
      assert(await lastOutcome()).toBe('answered');
    } finally {
      await telephone.stop();
      await carrier.close();
    }
  });
});
