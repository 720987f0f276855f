import type { Step } from '../../../interop/support/sipp.ts';

/** The messages of a call from a trunk to a device, such that a proxy with Record-Route may stand between. */
const sdp = `v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20`;

const send = (text: string, attributes = '') => `<send${attributes}><![CDATA[\n\n${text}\n\n]]></send>`;

const request = (
  start: string,
  cseq: string,
  { to = '[peer_tag_param]', via = '[branch]', more = '' } = {},
) => `${start} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=${via}
Max-Forwards: 70
From: "Caller" <sip:[caller][call_number]@[local_ip]:[local_port]>;tag=[pid]t[call_number]
To: <sip:[called]@[remote_ip]:[remote_port]>${to}
Call-ID: [call_id]
CSeq: ${cseq}
${more}`;

const recv = (what: string, attributes = '') => `<recv ${what} timeout="30000"${attributes}></recv>`;

const empty = 'Content-Length: 0\n';

const invite = send(
  request('INVITE sip:[called]@[remote_ip]:[remote_port]', '1 INVITE', {
    to: '',
    more: `Contact: <sip:sipp@[local_ip]:[local_port]>
Diversion: <sip:[dialled]@carrier.example>;reason=unavailable
Content-Type: application/sdp
Content-Length: [len]

${sdp}
`,
  }),
  ' retrans="500" start_rtd="1"',
);

const inDialog = (method: string, sequence: number, attributes = '') =>
  send(request(`${method} [next_url]`, `${sequence} ${method}`, { more: `[routes]\n${empty}` }), attributes);

const trying = recv('response="100"', ' optional="true"');
const answered = recv('response="200"', ' rtd="1" rrs="true"');

/** The trunk: INVITE with SDP and Diversion, 180, 200, ACK, BYE, 200. */
export const caller: Step[] = [
  invite,
  trying,
  recv('response="180"'),
  answered,
  inDialog('ACK', 1),
  inDialog('BYE', 2, ' retrans="500"'),
  recv('response="200"'),
];

/** The trunk under too much load: a 503 is acknowledged, and the call is over; both ends are counted. */
export const patientCaller: Step[] = [
  invite,
  trying,
  recv('response="503"', ' optional="true" next="refused" counter="refused"'),
  recv('response="180"'),
  answered,
  inDialog('ACK', 1),
  inDialog('BYE', 2, ' retrans="500"'),
  recv('response="200"', ' next="done"'),
  '<label id="refused"/>',
  send(request('ACK sip:[called]@[remote_ip]:[remote_port]', '1 ACK', { via: '[branch-3]', more: empty })),
  '<label id="done"/>',
];

const reply = (line: string, more: string, attributes = '') =>
  send(
    `SIP/2.0 ${line}
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]d[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
${more}`,
    attributes,
  );

const replyPlain = (line: string) =>
  send(`SIP/2.0 ${line}
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
${empty}`);

/** To a CANCEL, and to the INVITE that it ends, which has the same Via. */
const replyTo = (line: string, cseq: string, attributes = '') =>
  send(
    `SIP/2.0 ${line}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]d[call_number]
[last_Call-ID:]
${cseq}
${empty}`,
    attributes,
  );

/** The device: rings and answers at once, and is hung up. */
export const answering: Step[] = [
  recv('request="INVITE"'),
  reply('180 Ringing', empty),
  reply('200 OK', `Content-Type: application/sdp\nContent-Length: [len]\n\n${sdp}\n`, ' retrans="500"'),
  recv('request="ACK"'),
  recv('request="BYE"'),
  replyPlain('200 OK'),
];

/** A device that rings until another one has answered. */
export const cancelled: Step[] = [
  recv('request="INVITE"'),
  reply('180 Ringing', empty),
  recv('request="CANCEL"'),
  replyTo('200 OK', '[last_CSeq:]'),
  replyTo('487 Request Terminated', 'CSeq: 1 INVITE', ' retrans="500"'),
  recv('request="ACK"'),
];
