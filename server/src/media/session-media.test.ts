import { expect, test } from 'vitest';
import { isHold } from './session-media.ts';

const sdp = (...lines: string[]) => ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', ...lines, ''].join('\r\n');
const here = 'c=IN IP4 192.0.2.1';
const nowhere = 'c=IN IP4 0.0.0.0';

test.each([
  ['sendonly', sdp(here, 't=0 0', 'm=audio 4000 RTP/AVP 8', 'a=sendonly'), true],
  ['inactive', sdp(here, 't=0 0', 'm=audio 4000 RTP/AVP 8', 'a=inactive'), true],
  ['inactive for the whole session', sdp(here, 'a=inactive', 'm=audio 4000 RTP/AVP 8'), true],
  ['the address 0.0.0.0 of RFC 2543', sdp(nowhere, 'm=audio 4000 RTP/AVP 8'), true],
  ['nothing said', sdp(here, 'm=audio 4000 RTP/AVP 8'), false],
  ['sendrecv over a held session', sdp(here, 'a=inactive', 'm=audio 4000 RTP/AVP 8', 'a=sendrecv'), false],
  ['a refused video line', sdp(here, 'm=audio 4000 RTP/AVP 8', 'm=video 0 RTP/AVP 96', 'a=inactive'), false],
  [
    'a browser, whose address is told by ICE',
    sdp('m=audio 9 UDP/TLS/RTP/SAVPF 111', nowhere, 'a=sendrecv'),
    false,
  ],
])('R-END: on hold or not: %s', (_, text, held) => {
  expect(isHold(text)).toBe(held);
});
