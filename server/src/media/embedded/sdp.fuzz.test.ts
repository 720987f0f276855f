import { ExecutionCount, fuzzBudget, fuzzTimeoutMs } from '@ringthrough/sip/testing';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { type CodecName, type LegKind, MediaError } from '../media-plane.ts';
import { agreeOnAnswer, agreeOnOffer, parseRemote, type RemoteAudio } from './sdp.ts';
import { type LocalAudio, writeAnswer, writeOffer } from './sdp-write.ts';

const fingerprint = Array(32).fill('AB').join(':');
const head = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
const corpus: string[][] = [
  [
    ...head,
    'm=audio 4000 RTP/AVP 0 8 101',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=ptime:20',
  ],
  [
    ...head,
    'a=sendonly',
    'm=audio 4000 RTP/AVP 8',
    'a=rtcp:5001',
    'm=video 6000 RTP/AVP 96',
    'a=rtpmap:96 VP8/90000',
  ],
  [
    ...head,
    ...['a=group:BUNDLE 0 1', 'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 110', 'a=rtpmap:111 opus/48000/2'],
    ...[
      'a=fmtp:111 minptime=10;useinbandfec=1',
      'a=rtpmap:63 red/48000/2',
      'a=rtpmap:110 telephone-event/48000',
    ],
    ...['a=ice-ufrag:abcd', 'a=ice-pwd:0123456789012345678901', `a=fingerprint:sha-256 ${fingerprint}`],
    ...['a=setup:actpass', 'a=mid:0', 'a=rtcp-mux', 'a=candidate:1 1 udp 2113937151 192.0.2.1 5000 typ host'],
    ...['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'a=mid:1', 'a=sctp-port:5000'],
  ],
];
const more = [
  ...[
    'm=',
    'm=audio',
    'm=audio 0 RTP/AVP 0',
    'm=audio 70000 RTP/AVP 0',
    'm=audio -1 RTP/AVP 0',
    'm=audio 4000/2 RTP/AVP 0',
  ],
  ...[
    'm=image 5000 udptl t38',
    'm=audio 4000 RTP/SAVP 0',
    'm=audio 4000 RTP/AVP',
    'm=audio x RTP/AVP x y z',
    'm=video',
  ],
  ...[
    'c=IN IP4 0.0.0.0',
    'c=IN IP6 ::1',
    'c=',
    'c=IN IP4 300.1.1.1',
    'c=IN IP4 224.2.1.1/127/3',
    'a=mid:',
    'a=mid:x y',
  ],
  ...[
    'a=rtpmap:',
    'a=rtpmap:8 PCMA/8000/9',
    'a=rtpmap:999 PCMU/8000',
    'a=rtpmap:0 opus/8000',
    'a=ptime:0',
    'a=ptime:9e9',
  ],
  ...[
    'a=sendonly',
    'a=recvonly',
    'a=inactive',
    'a=sendrecv',
    'a=ice-lite',
    'a=setup:holdconn',
    'a=fingerprint:',
    'a=ice-ufrag:',
  ],
  ...[
    'a=fingerprint:sha-1 00',
    'a=bundle-only',
    'a=rtcp:0',
    'a=rtcp:99999 IN IP4 x',
    'a=__proto__:x',
    'a=constructor',
    '=',
    '',
  ],
  ...[
    'a=candidate:',
    'a=ssrc:',
    'a=group:BUNDLE',
    'a=extmap:',
    'a=simulcast:send 1',
    'a=rid:1 send',
    'b=AS:-1',
    'z=',
    'v=0',
  ],
];
const bits = [
  '\0',
  '\r',
  '\n',
  ' ',
  '/',
  ':',
  '=',
  '\u2028',
  'é',
  '9999999999999999999',
  '-',
  '"',
  '\t',
  '%s',
];

const change = fc.record({
  kind: fc.constantFrom('drop', 'double', 'swap', 'add', 'garble', 'cut'),
  line: fc.nat(40),
  at: fc.nat(80),
  pick: fc.nat(200),
});

const description = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(change, { maxLength: 6 }),
    fc.constantFrom('\r\n', '\r\n', '\n'),
  )
  .map(([lines, changes, end]) => [...changes.reduce((all, one) => changed(all, one), lines), ''].join(end));

function changed(
  lines: string[],
  { kind, line, at, pick }: typeof change extends fc.Arbitrary<infer S> ? S : never,
) {
  const place = lines.length === 0 ? 0 : line % lines.length;
  const text = lines[place] ?? '';
  const cut = at % (text.length + 1);
  switch (kind) {
    case 'drop':
      return lines.toSpliced(place, 1);
    case 'double':
      return lines.toSpliced(pick % (lines.length + 1), 0, text);
    case 'swap':
      return lines.toSpliced(place, 1).toSpliced(pick % Math.max(1, lines.length), 0, text);
    case 'add':
      return lines.toSpliced(place + 1, 0, more[pick % more.length] ?? '');
    case 'garble':
      return lines.with(place, text.slice(0, cut) + (bits[pick % bits.length] ?? '') + text.slice(cut));
    default:
      return lines.with(place, text.slice(0, cut));
  }
}

const local = (kind: LegKind): LocalAudio => ({
  kind,
  addresses: ['192.0.2.9', '198.51.100.9'],
  port: 10_100,
  sessionId: 7,
  version: 1,
  ssrc: 1,
  cname: 'c',
  ice:
    kind === 'rtp'
      ? undefined
      : { ufrag: 'u', password: 'p', fingerprint: { algorithm: 'sha-256', value: fingerprint } },
  setup: 'passive',
});

/** Undefined for what is refused in the way that the interface names. */
function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

const mLines = (text: string) => text.split('\r\n').filter((line) => line.startsWith('m='));
const directionOf = (text: string) => /^a=(sendrecv|sendonly|recvonly|inactive)\r$/m.exec(text)?.[1];

/** RFC 3264 section 6: what an answer owes to its offer. */
function checkAnswer(offer: RemoteAudio, answer: string, kind: LegKind): void {
  for (const line of answer.split('\r\n')) expect(line).toMatch(/^([a-z]=.*|)$/);
  const lines = mLines(answer);
  expect(lines).toHaveLength(offer.lines.length);
  for (const [index, line] of offer.lines.entries()) {
    expect(lines[index]?.startsWith(`m=${line.type} `)).toBe(true);
    if (index !== offer.audioIndex) expect(lines[index]?.split(' ')[1]).toBe('0');
  }
  // A peer of our kind can read it, and finds the audio where it offered it, with numbers of its own.
  const back = parseRemote(answer, kind === 'webrtc' ? 'webrtc' : 'rtp');
  expect(back.audioIndex).toBe(offer.audioIndex);
  for (const { payloadType, codec } of back.formats)
    expect(offer.formats).toContainEqual({ payloadType, codec });
  const direction = directionOf(answer);
  if (!offer.receives) expect(direction).toMatch(/recvonly|inactive/);
  if (!offer.sends) expect(direction).toMatch(/sendonly|inactive/);
}

const count = new ExecutionCount('session descriptions');
const reached = { refused: 0, answered: 0 };

it('RFC 3264 6 and RFC 8866: changed descriptions are refused by name, or get an answer that fits them', {
  timeout: fuzzTimeoutMs,
}, () => {
  const codecs = fc.constantFrom<CodecName[]>(['PCMA', 'PCMU'], ['opus', 'PCMU'], ['opus']);
  fc.assert(
    fc.property(description, fc.constantFrom<LegKind>('rtp', 'webrtc'), codecs, (text, kind, known) => {
      count.one();
      const remote = unlessRefused(() => parseRemote(text, kind));
      const agreement = remote && unlessRefused(() => agreeOnOffer(remote, known));
      if (!remote || !agreement) {
        reached.refused++;
        return;
      }
      reached.answered++;
      // With ICE of ours our answer has to be readable by a full agent: we are lite.
      const answer = writeAnswer(local(kind), remote, agreement).replace('a=ice-lite\r\n', '');
      checkAnswer(remote, answer, kind);
      unlessRefused(() => agreeOnAnswer(remote, known));
      const again = writeOffer(local(kind), known, remote);
      expect(mLines(again)).toHaveLength(remote.lines.length);
    }),
    fuzzBudget(8_000),
  );
  for (const times of Object.values(reached)) expect(times).toBeGreaterThan(50);
});

afterAll(() => count.report());
