/**
 * Messages parsed and written per second, on one core. `node bench/micro/sip-parse.ts [seconds per line]`.
 * The message is an INVITE of about 1.2 kB as a carrier's switch sends it.
 */
import {
  parseCSeq,
  parseMessage,
  parseNameAddr,
  parseUri,
  parseVia,
  StreamFramer,
  serializeMessage,
  validateRequest,
} from '@ringthrough/sip';

const sdp = `v=0
o=- 3871231 3871231 IN IP4 192.0.2.44
s=-
c=IN IP4 192.0.2.44
t=0 0
m=audio 40376 RTP/AVP 8 0 9 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:9 G722/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
`.replaceAll('\n', '\r\n');

const invite = Buffer.from(
  `${`INVITE sip:+14155559000@192.0.2.10:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK0g3k2c1rvo8h8ks6aqp1.1;rport
Via: SIP/2.0/UDP 192.0.2.21:5060;received=192.0.2.21;branch=z9hG4bKmsc-8f3a77d2
Record-Route: <sip:192.0.2.20:5060;lr;ftag=3871231>
Max-Forwards: 68
From: "+14155550123" <sip:+14155550123@ims.example.com;user=phone>;tag=3871231
To: <sip:+14155559000@192.0.2.10;user=phone>
Call-ID: 7f3b1a52-4de1-11ef-9c1e-0242ac120002@192.0.2.21
CSeq: 102 INVITE
Contact: <sip:+14155550123@192.0.2.21:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO
Supported: 100rel, timer, replaces
P-Asserted-Identity: <sip:+14155550123@ims.example.com;user=phone>
Diversion: <sip:+14155550199@ims.example.com>;reason=no-answer;counter=1
Session-Expires: 1800;refresher=uac
User-Agent: Example MSC 7.2
Content-Type: application/sdp
Content-Length: ${Buffer.byteLength(sdp)}

`.replaceAll('\n', '\r\n')}${sdp}`,
);

const seconds = Number(process.argv[2] ?? 1);

function measure(name: string, run: () => unknown, each = 1): void {
  for (let warm = 0; warm < 20_000 / each; warm++) run();
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < (seconds * 1000) / 5) {
      for (let batch = 0; batch < 100; batch++) run();
      count += 100 * each;
    }
    rounds.push((count / (performance.now() - start)) * 1000);
  }
  rounds.sort((a, b) => a - b);
  console.log(`${name.padEnd(34)} ${Math.round(rounds[2]!).toLocaleString('en').padStart(12)} /s`);
}

function parsed() {
  const result = parseMessage(invite);
  if (!result.ok || result.message.kind !== 'request') throw new Error('the INVITE must parse');
  return result.message;
}

function transactionHeaders() {
  const { headers } = parsed();
  return [
    parseVia(headers.get('Via')!),
    parseCSeq(headers.get('CSeq')!),
    parseNameAddr(headers.get('From')!),
    parseNameAddr(headers.get('To')!),
    headers.get('Call-ID'),
  ];
}

const message = parsed();
if (validateRequest(message) !== undefined) throw new Error('the INVITE must be valid');
const stream = Buffer.concat(Array.from({ length: 50 }, () => invite));
const framer = new StreamFramer();

console.log(`Node ${process.version}, INVITE of ${invite.length} bytes, median of 5`);
measure('parse', parsed);
measure('parse, Via CSeq From To Call-ID', transactionHeaders);
measure('parse and validate', () => validateRequest(parsed()));
measure('stream of 50 in one chunk', () => framer.push(stream), 50);
measure('serialise', () => serializeMessage(message));
measure('parse, add a Via, serialise', () => {
  const copy = parsed();
  copy.headers.prepend('Via', 'SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bKabcdef');
  return serializeMessage(copy);
});
measure('parse a Request-URI', () => parseUri(message.uri));
