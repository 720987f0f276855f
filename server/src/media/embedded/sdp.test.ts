import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LegKind, MediaError } from '../media-plane.ts';
import { agreeOnAnswer, agreeOnOffer, parseRemote } from './sdp.ts';
import { type LocalAudio, writeAnswer, writeOffer } from './sdp-write.ts';

const FINGERPRINT = Array(32).fill('AB').join(':');

function sdp(...lines: string[]): string {
  return ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...lines, ''].join('\r\n');
}

const G711 = sdp('m=audio 4000 RTP/AVP 0 8 101', 'a=rtpmap:101 telephone-event/8000');

const BROWSER = sdp(
  'a=group:BUNDLE 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 110 126',
  'a=rtpmap:111 opus/48000/2',
  'a=rtpmap:63 red/48000/2',
  'a=rtpmap:110 telephone-event/48000',
  'a=rtpmap:126 telephone-event/8000',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  'a=setup:actpass',
  'a=mid:0',
  'a=rtcp-mux',
);

const local: LocalAudio = {
  kind: 'rtp',
  addresses: ['192.0.2.9'],
  port: 10_100,
  sessionId: 7,
  version: 1,
  ssrc: 1,
  cname: 'c',
  ice: undefined,
  setup: 'actpass',
};

const without = (text: string, pattern: RegExp) => text.replace(pattern, '');

describe('parseRemote', () => {
  it('reads static payload types, the address and the ports', () => {
    expect(parseRemote(G711, 'rtp')).toMatchObject({
      rtp: { address: '192.0.2.1', port: 4000, rtcpPort: 4001 },
      formats: [
        { payloadType: 0, codec: 'PCMU' },
        { payloadType: 8, codec: 'PCMA' },
      ],
      events: [{ payloadType: 101, clockRate: 8000 }],
      receives: true,
      sends: true,
    });
  });

  it.each([0, 65_536])('takes no RTCP port that cannot be sent to: %i', (port) => {
    expect(parseRemote(`${G711}a=rtcp:${port}\r\n`, 'rtp').rtp).toMatchObject({ rtcpPort: 4000 });
  });

  it('prefers what the m-line says to what the session says: address, direction', () => {
    const text = `${G711}c=IN IP4 192.0.2.2\r\na=rtcp:5001\r\na=sendonly\r\n`;
    expect(parseRemote(text, 'rtp')).toMatchObject({
      rtp: { address: '192.0.2.2', port: 4000, rtcpPort: 5001 },
      receives: false,
      sends: true,
    });
    const session = parseRemote(G711.replace('t=0 0', 't=0 0\r\na=recvonly'), 'rtp');
    expect(session).toMatchObject({ receives: true, sends: false });
  });

  it('takes c=0.0.0.0 for hold (RFC 3264 section 8.4)', () => {
    const held = parseRemote(G711.replace('c=IN IP4 192.0.2.1', 'c=IN IP4 0.0.0.0'), 'rtp');
    expect(held).toMatchObject({ rtp: undefined, receives: false });
  });

  it.each<[string, LegKind, string]>([
    ['nothing', 'rtp', ''],
    ['no SDP', 'rtp', 'hello'],
    ['no media', 'rtp', sdp()],
    ['no audio', 'rtp', sdp('m=video 4000 RTP/AVP 96')],
    ['audio that is refused', 'rtp', sdp('m=audio 0 RTP/AVP 0')],
    ['another protocol', 'rtp', BROWSER],
    ['another protocol', 'webrtc', G711],
    ['IPv6', 'rtp', G711.replace('c=IN IP4 192.0.2.1', 'c=IN IP6 ::1')],
    ['no address', 'rtp', without(G711, /c=.*\r\n/)],
    ['a port that is none', 'rtp', G711.replace('4000', '70000')],
    ['too many lines', 'rtp', sdp(...Array(40).fill('m=audio 4000 RTP/AVP 0'))],
    ['too much', 'rtp', `${G711}a=${'x'.repeat(70_000)}\r\n`],
    ['no ICE', 'webrtc', without(BROWSER, /a=ice-ufrag.*\r\n/)],
    ['no fingerprint', 'webrtc', without(BROWSER, /a=fingerprint.*\r\n/)],
    ['no rtcp-mux', 'webrtc', without(BROWSER, /a=rtcp-mux\r\n/)],
    ['an ICE-lite peer', 'webrtc', BROWSER.replace('t=0 0', 't=0 0\r\na=ice-lite')],
  ])('refuses %s (%s) as bad-sdp', (_, kind, text) => {
    expect(() => parseRemote(text, kind)).toThrow(expect.objectContaining({ code: 'bad-sdp' }));
  });

  it('takes an encoding or a fingerprint that is a number for what it is: text that means nothing here', () => {
    const shifted = G711.replace('rtpmap:101', 'rtpmap: 101');
    expect(parseRemote(shifted, 'rtp').events).toEqual([]);
    const numbered = BROWSER.replace(FINGERPRINT, '12');
    expect(parseRemote(numbered, 'webrtc').fingerprints).toEqual([{ algorithm: 'sha-256', value: '12' }]);
  });

  it.each(['8  101', '-0 8 101', ' 8 101', '8 101 0x0 1e1'])(
    'reads no PCMU out of the formats "%s"',
    (list) => {
      const { formats } = parseRemote(G711.replace('0 8 101', list), 'rtp');
      expect(formats).toEqual([{ payloadType: 8, codec: 'PCMA' }]);
    },
  );

  it('throws nothing but MediaError, whatever comes', () => {
    const line = fc.oneof(fc.constantFrom(...BROWSER.split('\r\n'), ...G711.split('\r\n')), fc.string());
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.constantFrom<LegKind>('rtp', 'webrtc'),
        (lines, kind) => {
          try {
            const remote = parseRemote(`v=0\r\n${lines.join('\r\n')}\r\n`, kind);
            writeAnswer(local, remote, agreeOnOffer(remote, ['opus', 'PCMA', 'PCMU']));
          } catch (error) {
            expect(error).toBeInstanceOf(MediaError);
          }
        },
      ),
    );
  });
});

describe('agreement', () => {
  it('answers with the first of the offered codecs that we have, and events of the same clock', () => {
    const remote = parseRemote(BROWSER, 'webrtc');
    expect(agreeOnOffer(remote, ['PCMU', 'opus']).receive).toEqual({
      payloadType: 111,
      event: { payloadType: 110, clockRate: 48_000 },
    });
    expect(agreeOnOffer(remote, ['PCMA', 'PCMU']).send).toEqual({
      payloadType: 0,
      event: { payloadType: 126, clockRate: 8000 },
    });
    expect(() => agreeOnOffer(parseRemote(G711, 'rtp'), ['opus'])).toThrow(
      expect.objectContaining({ code: 'no-common-codec' }),
    );
  });

  it('sends with the numbers of the answer and receives with those of the offer', () => {
    const text = sdp(
      'm=audio 4000 RTP/AVP 96 97',
      'a=rtpmap:96 OPUS/48000/2',
      'a=rtpmap:97 telephone-event/48000',
    );
    expect(agreeOnAnswer(parseRemote(text, 'rtp'), ['opus', 'PCMA'])).toEqual({
      codec: 'opus',
      send: { payloadType: 96, event: { payloadType: 97, clockRate: 48_000 } },
      receive: { payloadType: 111, event: { payloadType: 110, clockRate: 48_000 } },
    });
  });

  it('sends no events when the peer wants none', () => {
    const text = sdp('m=audio 4000 RTP/AVP 8');
    const agreement = agreeOnAnswer(parseRemote(text, 'rtp'), ['PCMA']);
    expect([agreement.send.event, agreement.receive.event]).toEqual([undefined, undefined]);
  });
});

describe('writing', () => {
  it('is read back as what it says', () => {
    const ice = {
      ufrag: 'u123',
      password: 'p'.repeat(22),
      fingerprint: { algorithm: 'sha-256', value: FINGERPRINT },
    };
    const text = writeOffer({ ...local, kind: 'webrtc', ice }, ['opus', 'PCMA'], undefined);
    expect(parseRemote(text.replace('a=ice-lite\r\n', ''), 'webrtc')).toMatchObject({
      formats: [
        { payloadType: 111, codec: 'opus' },
        { payloadType: 8, codec: 'PCMA' },
      ],
      ice: { ufrag: 'u123', password: 'p'.repeat(22) },
      fingerprints: [ice.fingerprint],
      setup: 'actpass',
      rtcpMux: true,
    });
  });

  it('keeps refused lines in their places in a re-offer (RFC 3264 section 8.1)', () => {
    const remote = parseRemote(`${G711}m=image 5000 udptl t38\r\n`, 'rtp');
    expect(
      writeOffer(local, ['PCMA'], remote)
        .match(/^m=.*$/gm)
        ?.map((line) => line.trim()),
    ).toEqual(['m=audio 10100 RTP/AVP 8 101', 'm=image 0 udptl t38']);
  });

  it.each([
    ['a=sendrecv', 'a=sendrecv'],
    ['a=sendonly', 'a=recvonly'],
    ['a=recvonly', 'a=sendonly'],
    ['a=inactive', 'a=inactive'],
  ])('answers %s with %s', (offered, answered) => {
    const remote = parseRemote(`${G711}${offered}\r\n`, 'rtp');
    expect(writeAnswer(local, remote, agreeOnOffer(remote, ['PCMU']))).toContain(`${answered}\r\n`);
  });
});
