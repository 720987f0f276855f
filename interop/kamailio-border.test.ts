import { SipRequest, SipStack } from '@ringthrough/sip';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Kamailio } from './support/kamailio.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { SipDevice } from './support/sip-device.ts';
import { device, Sipp, expect as sippExpect, trunk as sippTrunk } from './support/sipp.ts';
import { Trunk } from './support/trunk.ts';

const NUMBER = '+14155550101';
const CALLER_HZ = 1000;
const DEVICE_HZ = 1700;
const listenFor = [CALLER_HZ, DEVICE_HZ];

const enough = hasPeer('kamailio') && hasPeer('sipp');

const variants: Array<{ name: string; settings: Record<string, string | true> }> = [
  { name: 'with record-route', settings: {} },
  { name: 'with topology hiding', settings: { WITH_TOPOLOGY_HIDING: true } },
];

describe.skipIf(!enough).each(variants)(
  'Kamailio as the border controller of a carrier, $name',
  ({ settings }) => {
    let server: Ringthrough;
    let border: Kamailio;
    let carrierSide: number;
    let switchPort: number;
    let sippPort: number;
    let trunk: Trunk;
    let phone: SipDevice;
    let person: Person;

    beforeAll(async () => {
      [carrierSide, switchPort, sippPort] = [await freePort(), await freePort(), await freePort()];
      const coreSide = await freePort();
      server = await Ringthrough.start({ trunkPort: coreSide });
      border = await Kamailio.start({
        example: 'border',
        settings: {
          CARRIER_SIDE: `udp:127.0.0.1:${carrierSide}`,
          CORE_SIDE: `udp:127.0.0.1:${coreSide}`,
          PING_SECONDS: '1',
          ...settings,
        },
        dispatcher: [
          `1 sip:127.0.0.1:${server.sipPort}`,
          `2 sip:127.0.0.1:${switchPort} 8`,
          `2 sip:127.0.0.1:${sippPort} 8`,
        ],
      });
      [person] = await Person.signUp(server, NUMBER);
      phone = await SipDevice.register(server, (await person.addSoftphone('Desk phone')).sip);
      trunk = await Trunk.openTo(carrierSide, switchPort);
    });

    afterEach(async () => {
      for (const name of ['ringthrough_media_legs', 'ringthrough_calls_active']) {
        await until(async () => (await server.gauge(name)) === 0, {
          describe: () => `${name} stays above 0`,
        });
      }
    });

    afterAll(async () => {
      await trunk?.close();
      await phone?.close();
      await border?.stop();
      await server?.stop();
    });

    /** A call in which both have heard each other. */
    async function talk() {
      const call = await trunk.call({ called: NUMBER, listenFor });
      const media = await phone.accept(listenFor);
      await call.status(200);
      call.media.speak(CALLER_HZ);
      media.speak(DEVICE_HZ);
      await call.hears(DEVICE_HZ);
      return call;
    }

    /** Every request in a dialog goes through the border controller, whoever sends it. */
    const passed = (method: string, callId: string, mark: number) =>
      until(() => border.logSince(mark).includes(`in dialog: ${method} ${callId}`), {
        describe: () => `no ${method} of the call passed:\n${border.logSince(mark)}`,
      });

    it('the caller hangs up', async () => {
      const { mark } = border;
      const call = await talk();
      await passed('ACK', call.session.callId, mark);
      call.hangUp();
      expect(await call.ended()).toBe('us');
      await passed('BYE', call.session.callId, mark);
    });

    it('the device hangs up: our BYE follows the route set back', async () => {
      const { mark } = border;
      const call = await talk();
      phone.hangUp();
      expect(await call.ended()).toBe('peer');
      await passed('BYE', call.session.callId, mark);
      expect(border.logSince(mark)).toContain(`BYE ${call.session.callId} from 127.0.0.1:${server.sipPort}`);
    });

    it('a re-INVITE of the carrier is answered, and its ACK arrives', async () => {
      const { mark } = border;
      const call = await talk();
      const { status } = await call.session.reinvite(call.media.sdp());
      expect(status).toBe(200);
      await passed('INVITE', call.session.callId, mark);
      await call.hears(DEVICE_HZ, call.media.heard.heardMs(DEVICE_HZ) + 400);
      call.hangUp();
      await call.ended();
    });

    it('the caller gives up while it rings: CANCEL passes, 487 comes back', async () => {
      const call = await trunk.call({ called: NUMBER });
      await call.status(180);
      call.hangUp();
      expect(await call.ended()).toBe('rejection');
      expect(call.statuses.at(-1)).toBe(487);
      await phone.quiet();
    });

    it('a number that nobody has: 404 passes', async () => {
      const call = await trunk.call({ called: '+14155550999' });
      await call.status(404);
    });

    it('a whole call of SIPp, along the routes that it was given', async () => {
      const call = new Sipp({
        localPort: sippPort,
        remotePort: carrierSide,
        steps: [
          sippTrunk.invite([`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable`]),
          sippExpect.response(100, { optional: true }),
          sippExpect.response(180),
          sippExpect.response(200),
          sippTrunk.ack(),
          sippExpect.request('BYE'),
          device.replyPlain('200 OK'),
        ],
      });
      try {
        await phone.accept(listenFor);
        await until(() => call.messages.includes('ACK sip:'));
        phone.hangUp();
        const messages = await call.succeeded();
        expect(messages).toMatch(/^Route: <sip:/m);
      } finally {
        await call.stop();
      }
    });

    it('who is no carrier gets no answer', async () => {
      const stranger = await Trunk.openTo(carrierSide, await freePort());
      try {
        const call = await stranger.call({ called: NUMBER });
        await expect(call.status(100, 2000)).rejects.toThrow('no 100');
      } finally {
        await stranger.close();
      }
    });
  },
);

describe.skipIf(!enough)('Kamailio as the border controller, for calls of ours', () => {
  let border: Kamailio;
  let stack: SipStack;
  let coreSide: number;
  let switchPort: number;
  const sipps: Sipp[] = [];

  beforeAll(async () => {
    stack = new SipStack({
      userAgent: 'Ringthrough',
      listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
    });
    await stack.start();
    coreSide = await freePort();
    switchPort = await freePort();
    border = await Kamailio.start({
      example: 'border',
      settings: {
        CARRIER_SIDE: `udp:127.0.0.1:${await freePort()}`,
        CORE_SIDE: `udp:127.0.0.1:${coreSide}`,
        PATIENCE_MS: '1000',
      },
      dispatcher: [
        `1 sip:127.0.0.1:${stack.addresses[0]?.port}`,
        // Nobody is at the first one.
        `2 sip:127.0.0.1:${await freePort()} 8`,
        `2 sip:127.0.0.1:${switchPort} 8`,
      ],
    });
  });
  afterAll(async () => {
    for (const sipp of sipps) await sipp.stop();
    await border?.stop();
    await stack?.close();
  });

  it('the switch that lives gets them, and everything in the dialog', async () => {
    const carrier = new Sipp({
      localPort: switchPort,
      remotePort: coreSide,
      calls: 2,
      steps: [
        sippExpect.request('INVITE'),
        replyAlongRoute('180 Ringing'),
        replyAlongRoute('200 OK'),
        sippExpect.request('ACK'),
        sippExpect.request('BYE'),
        device.replyPlain('200 OK'),
      ],
    });
    sipps.push(carrier);
    for (let times = 0; times < 2; times++) {
      const request = new SipRequest('INVITE', `sip:+12125550199@127.0.0.1:${coreSide}`, {
        headers: [
          ['From', '<sip:+14155559000@ring.example>'],
          ['To', '<sip:+12125550199@carrier.example>'],
          ['Content-Type', 'application/sdp'],
        ],
        body: 'v=0\r\n',
      });
      const { mark } = border;
      const call = stack.invite({ request, target: { protocol: 'udp', host: '127.0.0.1', port: coreSide } });
      const ended: string[] = [];
      call.on('rejected', ({ status }) => ended.push(`refused ${status}`));
      call.on('ended', ({ by }) => ended.push(by));
      await until(() => call.state === 'accepted' || (ended[0] && new Error(ended[0])));
      call.bye();
      await until(() => ended.length > 0);
      expect(ended).toEqual(['us']);
      for (const method of ['ACK', 'BYE']) {
        await until(() => border.logSince(mark).includes(`in dialog: ${method} ${call.callId}`));
      }
    }
    const messages = await carrier.succeeded();
    expect(messages.match(/^INVITE /gm)).toHaveLength(2);
  });
});

/** As a switch answers: with the route set that came with the INVITE. */
const replyAlongRoute = (line: string) =>
  `<send><![CDATA[

SIP/2.0 ${line}
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=switch[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>`;
