import { expect, it } from 'vitest';
import { readSdp, writeSdp } from './sdp.ts';

const local = { host: '127.0.0.1', port: 4000, codecs: ['PCMU', 'PCMA'], sessionId: 1, version: 2 } as const;

it('reads back what it writes', () => {
  expect(readSdp(writeSdp(local))).toEqual({
    host: '127.0.0.1',
    port: 4000,
    codec: 'PCMU',
    payloadType: 0,
    dtmfPayloadType: 101,
    direction: 'sendrecv',
  });
});

it('takes static payload types without rtpmap, a media-level address and a direction', () => {
  const sdp = 'v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 9 RTP/AVP 18 8\r\nc=IN IP4 127.0.0.2\r\na=sendonly\r\n';
  expect(readSdp(sdp)).toEqual({
    host: '127.0.0.2',
    port: 9,
    codec: 'PCMA',
    payloadType: 8,
    dtmfPayloadType: undefined,
    direction: 'sendonly',
  });
});

it('takes G.711 under a dynamic payload type', () => {
  const sdp = 'c=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000\r\n';
  expect(readSdp(sdp)).toMatchObject({ codec: 'PCMA', payloadType: 96 });
});

it.each([
  ['no audio', 'v=0\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n'],
  ['a refused stream', 'c=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n'],
  ['no codec of ours', 'c=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 18\r\n'],
  ['no address', 'm=audio 9 RTP/AVP 0\r\n'],
  ['nothing', ''],
])('refuses %s', (_, sdp) => {
  expect(readSdp(sdp)).toBeUndefined();
});
