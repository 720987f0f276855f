import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process } from './process.ts';

/** One line of a SIPp scenario: what to send, what to wait for. */
export type Step = string;

const via = (offset = '') => `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch${offset}]`;

const fromTo = (
  tagged: boolean,
) => `From: "Caller" <sip:[caller]@[local_ip]:[local_port]>;tag=[pid]t[call_number]
To: <sip:[cnumber]@[remote_ip]:[remote_port]>${tagged ? '[peer_tag_param]' : ''}
Call-ID: [call_id]`;

/** G.711 offer, with RFC 4733 keys. */
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

/** The trunk's side of a call (UAC). `headers` say whom it was for; `measured` starts the response time. */
export const trunk = {
  invite: (headers: string[] = [], { branchOffset = '', measured = false } = {}): Step =>
    send(
      `INVITE sip:[cnumber]@[remote_ip]:[remote_port] SIP/2.0
${via(branchOffset)}
Max-Forwards: 70
${fromTo(false)}
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
${headers.map((line) => `${line}\n`).join('')}Content-Type: application/sdp
Content-Length: [len]

${sdp}
`,
      `${branchOffset === '' ? ' retrans="500"' : ''}${measured ? ' start_rtd="1"' : ''}`,
    ),
  /** ACK to a 2xx: a transaction of its own, along the route set. */
  ack: (): Step =>
    send(`ACK [next_url] SIP/2.0
${via()}
Max-Forwards: 70
${fromTo(true)}
CSeq: 1 ACK
[routes]
Content-Length: 0
`),
  /** ACK to a failure: belongs to the INVITE's transaction, `back` messages ago. */
  ackFailure: (back: number): Step =>
    send(`ACK sip:[cnumber]@[remote_ip]:[remote_port] SIP/2.0
${via(`-${back}`)}
Max-Forwards: 70
${fromTo(true)}
CSeq: 1 ACK
Content-Length: 0
`),
  /** CANCEL of the INVITE sent `back` messages ago. */
  cancel: (back: number): Step =>
    send(
      `CANCEL sip:[cnumber]@[remote_ip]:[remote_port] SIP/2.0
${via(`-${back}`)}
Max-Forwards: 70
${fromTo(false)}
CSeq: 1 CANCEL
Content-Length: 0
`,
      ' retrans="500"',
    ),
  bye: (): Step =>
    send(
      `BYE [next_url] SIP/2.0
${via()}
Max-Forwards: 70
${fromTo(true)}
CSeq: 2 BYE
[routes]
Content-Length: 0
`,
      ' retrans="500"',
    ),
};

/** The device's side (UAS) and what both sides wait for. */
export const device = {
  reply: (line: string, { body = false } = {}): Step =>
    send(
      `SIP/2.0 ${line}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]d[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
${body ? `Content-Type: application/sdp\nContent-Length: [len]\n\n${sdp}\n` : 'Content-Length: 0\n'}`,
      body ? ' retrans="500"' : '',
    ),
  /** Answers a request inside the dialog or a CANCEL, whose To already carries what it needs. */
  replyPlain: (line: string): Step =>
    send(`SIP/2.0 ${line}
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0
`),
};

export const expect = {
  response: (status: number, { optional = false, check = '', measured = false } = {}): Step =>
    `<recv response="${status}"${optional ? ' optional="true"' : ''}${measured ? ' rtd="1"' : ''} rrs="true" timeout="15000">${check}</recv>`,
  request: (method: string, check = ''): Step =>
    `<recv request="${method}" rrs="true" timeout="15000">${check}</recv>`,
};

/** SIPp action: the header must match, or the call fails. */
export const mustMatch = (header: string, pattern: string): string =>
  `<action><ereg regexp="${pattern.replaceAll('"', '&quot;')}" search_in="hdr" header="${header}:" check_it="true" assign_to="1"/></action>`;

export const pause = (ms: number): Step => `<pause milliseconds="${ms}"/>`;

export interface SippOptions {
  steps: Step[];
  /** Where SIPp sends to; also needed by a UAS. */
  remotePort: number;
  localPort: number;
  keys?: Record<string, string>;
  /** `user@host:port` of the digest; SIPp leaves the user away unless it is told. */
  authUri?: string;
  calls?: number;
  /** For load: calls begun per second; messages are then not kept, response times are. */
  rate?: number;
  /** Processor this SIPp is bound to. */
  processor?: number;
}

/** SIPp with a scenario of its own, from start to its exit code. */
export class Sipp {
  readonly #folder: string;
  readonly process: Process;

  constructor(options: SippOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sipp-'));
    const scenario = join(this.#folder, 'scenario.xml');
    const steps = options.steps.join('\n');
    const variables = ['1', '2', '3'].filter((name) => steps.includes(`assign_to="${name}"`));
    const used = variables.length > 0 ? `<Reference variables="${variables.join(',')}"/>\n` : '';
    const xml = `<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="test">\n${steps}\n${used}</scenario>\n`;
    writeFileSync(scenario, xml);
    const keys = { caller: '+12125550199', cnumber: '+14155559000', ...options.keys };
    const pinned = options.processor === undefined ? [] : ['taskset', '-c', String(options.processor)];
    const [command = 'sipp', ...before] = [...pinned, 'sipp'];
    const always = ['-sf', scenario, '-i', '127.0.0.1', '-mi', '127.0.0.1', '-nostdin'];
    const counts = ['-p', String(options.localPort), '-m', String(options.calls ?? 1)];
    const errors = ['-trace_err', '-error_file', join(this.#folder, 'errors.log')];
    const mode = options.rate === undefined ? this.#careful() : this.#loaded(options.rate);
    const digest = options.authUri === undefined ? [] : ['-auth_uri', options.authUri];
    const named = Object.entries(keys).flatMap(([key, value]) => ['-key', key, value]);
    this.process = new Process(
      command,
      [
        ...before,
        ...always,
        ...counts,
        ...errors,
        ...mode,
        ...digest,
        ...named,
        `127.0.0.1:${options.remotePort}`,
      ],
      { cwd: this.#folder },
    );
  }

  #careful(): string[] {
    const messages = join(this.#folder, 'messages.log');
    return ['-timeout', '40', '-timeout_error', '-trace_msg', '-message_file', messages];
  }

  #loaded(rate: number): string[] {
    const statistics = ['-trace_stat', '-stf', join(this.#folder, 'statistics.csv'), '-fd', '1'];
    return [
      ...(rate > 0 ? ['-r', String(rate)] : []),
      '-l',
      '100000',
      '-trace_rtt',
      '-rtt_freq',
      '1',
      ...statistics,
    ];
  }

  /** Milliseconds from the INVITE to the step marked with `rtd="1"`, one per call, after a run under load. */
  get responseTimesMs(): number[] {
    const file = readdirSync(this.#folder).find((name) => name.endsWith('_rtt.csv'));
    if (!file) return [];
    const lines = readFileSync(join(this.#folder, file), 'utf8').trim().split('\n').slice(1);
    return lines.map((line) => Number(line.split(';')[1])).filter(Number.isFinite);
  }

  /** Calls that succeeded and failed so far, after a run under load. */
  get counts(): { succeeded: number; failed: number } {
    const lines = readFileSync(join(this.#folder, 'statistics.csv'), 'utf8').trim().split('\n');
    const names = lines[0]?.split(';') ?? [];
    const values = lines.at(-1)?.split(';') ?? [];
    const value = (name: string) => Number(values[names.indexOf(name)] ?? 0);
    return { succeeded: value('SuccessfulCall(C)'), failed: value('FailedCall(C)') };
  }

  /** Everything SIPp sent and received so far. */
  get messages(): string {
    return readdirSync(this.#folder).includes('messages.log')
      ? readFileSync(join(this.#folder, 'messages.log'), 'utf8')
      : '';
  }

  /** Resolves when the scenario ran to its end. @throws with SIPp's own errors otherwise */
  async succeeded(): Promise<string> {
    const code = await this.process.exited(60_000);
    const messages = this.messages;
    if (code !== 0) {
      const errors = readdirSync(this.#folder).includes('errors.log')
        ? readFileSync(join(this.#folder, 'errors.log'), 'utf8')
        : '';
      throw new Error(`SIPp ended with ${code}:\n${errors.slice(0, 2000)}\n${messages.slice(-4000)}`);
    }
    return messages;
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Scripts of one call that must all run to their end; what each of them saw. None is left running. */
export async function allSucceed(runs: readonly Sipp[]): Promise<string[]> {
  try {
    return await Promise.all(runs.map((run) => run.succeeded()));
  } finally {
    for (const run of runs) await run.stop();
  }
}
