import { afterAll, expect as assert, beforeAll, describe, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { device, expect, mustMatch, Sipp, trunk } from './support/sipp.ts';
import { SippDevice } from './support/sipp-device.ts';

const NUMBER = '+14155550101';

/** The lines by which a switch says whom a forwarded call was for. */
const identities: Array<[name: string, reason: string, headers: string[]]> = [
  [
    'Diversion',
    'unreachable',
    [`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable;counter=1;privacy=off`],
  ],
  [
    'History-Info',
    'busy',
    [
      `History-Info: <sip:${NUMBER}@carrier.example?Reason=SIP%3Bcause%3D486>;index=1`,
      'History-Info: <sip:+14155559000@carrier.example;cause=486>;index=1.1;mp=1',
    ],
  ],
  [
    'both',
    'no-reply',
    [
      `Diversion: <tel:${NUMBER}>;reason=no-answer`,
      `History-Info: <sip:${NUMBER}@carrier.example?Reason=SIP%3Bcause%3D408>;index=1`,
      'History-Info: <sip:+14155559000@carrier.example;cause=408>;index=1.1;mp=1',
    ],
  ],
];

describe.skipIf(!hasPeer('sipp'))('R-IN: SIPp as the carrier’s switch', () => {
  let server: Ringthrough;
  let person: Person;
  let phone: SippDevice;

  beforeAll(async () => {
    server = await Ringthrough.start();
    [person] = await Person.signUp(server, NUMBER);
    const { sip } = await person.addSoftphone();
    phone = await SippDevice.register(server, sip);
  });

  afterAll(() => server?.stop());

  const call = (headers: string[]) =>
    new Sipp({
      remotePort: server.sipPort,
      localPort: server.trunkPort,
      steps: [
        trunk.invite(headers),
        expect.response(100, { optional: true }),
        expect.response(180),
        expect.response(200),
        trunk.ack(),
        trunk.bye(),
        expect.response(200),
      ],
    });

  for (const [name, reason, headers] of identities) {
    it(`finds the called number by ${name}, rings the device and is answered`, async () => {
      const callee = phone.play([
        expect.request('INVITE', mustMatch('P-Called-Party-ID', NUMBER.replace('+', '.'))),
        device.reply('180 Ringing'),
        device.reply('200 OK', { body: true }),
        expect.request('ACK'),
        expect.request('BYE'),
        device.replyPlain('200 OK'),
      ]);
      const caller = call(headers);
      try {
        await caller.succeeded();
        await callee.succeeded();
      } finally {
        await caller.stop();
        await callee.stop();
      }
      const record = await until(async () => {
        const [latest] = await person.call<Array<Record<string, unknown>>>('GET', '/api/calls?limit=1');
        return latest?.reason === reason && latest.endedAt ? latest : undefined;
      });
      assert(record).toMatchObject({
        number: NUMBER,
        caller: '+12125550199',
        outcome: 'answered',
        codecs: { carrier: 'PCMA', client: 'PCMA' },
      });
    });
  }

  /** INVITE that must fail with this status; the failure is acknowledged. */
  const refused = async (status: number, headers: string[], keys: Record<string, string> = {}) => {
    const caller = new Sipp({
      remotePort: server.sipPort,
      localPort: server.trunkPort,
      keys,
      steps: [
        trunk.invite(headers),
        expect.response(100, { optional: true }),
        expect.response(status, { check: mustMatch('Reason', 'Q.850;.*cause=1') }),
        trunk.ackFailure(2),
      ],
    });
    try {
      return await caller.succeeded();
    } finally {
      await caller.stop();
    }
  };

  it('R-UNKNOWN: 404 with Q.850 cause 1 when neither header says whom it was for', async () => {
    await refused(404, []);
  });

  it('R-UNKNOWN: 404 for a number that nobody linked', async () => {
    await refused(404, ['Diversion: <sip:+14155550777@carrier.example>;reason=unavailable']);
  });

  it('R-UNKNOWN: the C number cannot be used to reach another number', async () => {
    await refused(404, [`Diversion: <sip:+14155550777@carrier.example>;reason=unavailable`], {
      cnumber: '+4930123456',
    });
  });

  it('gives no answer to an INVITE from an address that is no trunk', async () => {
    const scanner = new Sipp({
      remotePort: server.sipPort,
      localPort: await freePort(),
      steps: [
        trunk.invite(identities[0]?.[2] ?? []),
        '<recv response="100" timeout="2500" ontimeout="silence"/>',
        '<label id="silence"/>',
      ],
    });
    await scanner.process.exited();
    assert(scanner.messages).toContain('message sent');
    assert(scanner.messages).not.toContain('message received');
    await scanner.stop();
  });
});
