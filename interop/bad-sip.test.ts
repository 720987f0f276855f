import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Besieged, NUMBER, noise, offer, strangeSpeech, take, truncated } from './support/besieged.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Trunk } from './support/trunk.ts';
import { sipRequest, UdpStranger } from './support/udp-stranger.ts';

const vectors = fileURLToPath(new URL('../../shared/vectors/rfc4475', import.meta.url));

describe('bad SIP and RTP from a stranger, and from the carrier', { timeout: 90_000 }, () => {
  let house: Besieged;
  beforeAll(async () => {
    house = await Besieged.open();
  });
  afterAll(() => house?.close());

  it('SIP over UDP: noise, cut-off and tortured messages of a stranger', async () => {
    const invite = sipRequest('INVITE', { callId: randomUUID(), from: house.stranger.port, body: offer });
    await house.knockAfter(take(300, noise(1)), house.server.sipPort);
    await house.knockAfter(truncated(invite), house.server.sipPort);
    await house.knockAfter(
      [Buffer.alloc(0), Buffer.alloc(65_000, 'A'), '\r\n\r\n', '\0'.repeat(1000)],
      house.server.sipPort,
    );
    if (existsSync(vectors)) {
      await house.knockAfter(
        readdirSync(vectors).map((name) => readFileSync(join(vectors, name))),
        house.server.sipPort,
      );
    }
    expect(house.server.process.running).toBe(true);
  });

  it('SIP over UDP: the same from the carrier’s own address', async () => {
    await house.trunk.close();
    const carrier = await UdpStranger.open(house.server.trunkPort);
    try {
      const whole = (extra: string, body = offer) =>
        sipRequest('INVITE', { callId: randomUUID(), from: house.server.trunkPort, extra, body });
      const diversion = `Diversion: <sip:${NUMBER}@x>;reason=unavailable`;
      const bodies = ['v=0', 'garbage', `${offer}a=rtpmap:8 PCMA/0\r\n`, offer.replace('PCMA', 'G729')];
      const messages = [
        ...take(100, noise(2)),
        ...truncated(whole(diversion)),
        ...bodies.map((body) => whole(diversion, body)),
        whole('Diversion: <<<>>>;;;reason="'),
        whole(`History-Info: <sip:${NUMBER}@x?Reason=%%%>;index=a.b`),
        whole(`Diversion: <tel:${'9'.repeat(7000)}>`),
        whole(`${diversion}\r\nP-Asserted-Identity: "\u0000\u00ff" <sip:\u0001>`),
        whole(`${diversion}\r\nMax-Forwards: -1`),
        whole(`${diversion}\r\nRequire: everything`),
      ];
      for (const message of messages) {
        await carrier.send(message, house.server.sipPort);
        await carrier.knock(house.server.sipPort);
      }
      expect(carrier.answers('SIP/2.0 4').length).toBeGreaterThan(0);
      expect(carrier.answers('SIP/2.0 5')).toEqual([]);
      // Those that could be understood ring, are answered by voicemail that nobody acknowledges, and end by themselves.
      await house.idle();
    } finally {
      await carrier.close();
      house.trunk = await Trunk.open(house.server);
    }
  });

  it('an INVITE from an address that is no trunk: silence', async () => {
    const callId = randomUUID();
    await house.knockAfter(
      [sipRequest('INVITE', { callId, from: house.stranger.port, body: offer })],
      house.server.sipPort,
    );
    await house.knockAfter(
      [sipRequest('OPTIONS', { callId, from: house.stranger.port })],
      house.server.sipPort,
    );
    await house.knockAfter([sipRequest('BYE', { callId, from: house.stranger.port })], house.server.sipPort);
    expect(house.stranger.answers(callId)).toEqual([]);
    const elsewhere = await Trunk.open(house.server, await freePort());
    const call = await elsewhere.call({ called: NUMBER });
    await house.stranger.knock(house.server.sipPort);
    expect(call.statuses).toEqual([]);
    await elsewhere.close();
  });

  it('WebRTC and RTP ports: noise before and during a call, which is heard all the same', async () => {
    const kinds = [0x00, 0x01, 0x14, 0x16, 0x17, 0x3f, 0x40, 0x80, 0xc8, 0xff];
    const packets = take(100, noise(3)).map((bytes, index) => {
      bytes[0] = kinds[index % kinds.length] ?? 0;
      return bytes;
    });
    // STUN and DTLS whose lengths lie.
    const stun = Buffer.alloc(20);
    stun.writeUInt16BE(1, 0);
    stun.writeUInt16BE(0xffff, 2);
    stun.writeUInt32BE(0x2112a442, 4);
    const hello = Buffer.from('16feff0000000000000000ffff01ffffff0000000000ffffff', 'hex');
    const all = [...packets, stun, hello, Buffer.alloc(0)];
    const speech = take(15, strangeSpeech());
    await house.knockAfter(all, house.server.webrtcPort);
    await house.talk(async () => {
      await house.knockAfter(all, house.server.webrtcPort);
      for (let port = house.server.rtpPorts.min; port <= house.server.rtpPorts.max; port++) {
        await house.knockAfter(all.slice(0, 12), port);
        await house.knockAfter(speech, port);
      }
    });
  });

  it('a call to a number that nobody linked: 404, and nothing is left of it', async () => {
    const call = await house.trunk.call({ called: '+14155550177' });
    await until(() => call.endedBy);
    expect(call.statuses.at(-1)).toBe(404);
  });

  it('after all that the same process carries a call, and nothing has leaked', () => house.stands());
});
