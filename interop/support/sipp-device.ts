import { answerChallenge, parseMessage } from '@ringthrough/sip';
import type { SipCredentials } from './person.ts';
import { freePort } from './ports.ts';
import type { Ringthrough } from './ringthrough.ts';
import { expect, Sipp, type SippOptions, type Step } from './sipp.ts';

/**
 * SIPp as a person's softphone: it registers over UDP with digest, and then plays its part of calls. The binding
 * belongs to the port, so that registering and answering can be two runs of SIPp. SIPp 3.6 looks at the first
 * challenge only, and knows no SHA-256, so the credentials are computed here.
 */
export class SippDevice {
  readonly port: number;
  readonly #server: Ringthrough;

  private constructor(server: Ringthrough, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async register(server: Ringthrough, sip: SipCredentials): Promise<SippDevice> {
    const device = new SippDevice(server, await freePort());
    const challenged = await device.#run([register(sip, 1), expect.response(401)]);
    const authorization = credentials(sip, challenged);
    await device.#run([register(sip, 2, authorization), expect.response(200)]);
    return device;
  }

  play(
    steps: Step[],
    keys: Record<string, string> = {},
    load: Pick<SippOptions, 'calls' | 'rate' | 'processor'> = {},
  ): Sipp {
    return new Sipp({ steps, remotePort: this.#server.sipPort, localPort: this.port, keys, ...load });
  }

  async #run(steps: Step[]): Promise<string> {
    const run = this.play(steps);
    try {
      return await run.succeeded();
    } finally {
      await run.stop();
    }
  }
}

const requestUri = 'sip:ringthrough';

/** The Authorization line that answers the 401 in SIPp's message log. */
function credentials(sip: SipCredentials, log: string): string {
  const text = log.slice(log.indexOf('SIP/2.0 401')).split('\r\n\r\n')[0];
  const parsed = parseMessage(Buffer.from(`${text}\r\n\r\n`));
  if (!parsed.ok) throw new Error(`no challenge in: ${log}`);
  const answer = answerChallenge({
    headers: parsed.message.headers,
    method: 'REGISTER',
    uri: requestUri,
    username: sip.user,
    password: sip.password,
  });
  if (!answer) throw new Error(`a challenge nobody can answer: ${text}`);
  return `${answer.name}: ${answer.value}\n`;
}

const register = (sip: SipCredentials, cseq: number, authorization = '') =>
  `<send retrans="500"><![CDATA[

REGISTER ${requestUri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:${sip.user}@${sip.domain}>;tag=[pid]r[call_number]
To: <sip:${sip.user}@${sip.domain}>
Call-ID: [call_id]
CSeq: ${cseq} REGISTER
Contact: <sip:${sip.user}@[local_ip]:[local_port]>;expires=3600
${authorization}Content-Length: 0

]]></send>`;
