import type { SipCredentials } from './person.ts';
import { freePort } from './ports.ts';
import type { Ringthrough } from './ringthrough.ts';
import { expect, Sipp, type SippOptions, type Step } from './sipp.ts';

/**
 * SIPp as a person's softphone: it registers over UDP with digest, and then plays its part of one call.
 * The binding belongs to the port, so that registering and answering can be two runs of SIPp.
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
    const run = device.play(
      [register(sip), unauthorised, registerWithCredentials(sip), expect.response(200)],
      {
        user: sip.user,
      },
    );
    try {
      await run.succeeded();
    } finally {
      await run.stop();
    }
    return device;
  }

  play(
    steps: Step[],
    keys: Record<string, string> = {},
    load: Pick<SippOptions, 'calls' | 'rate' | 'processor'> = {},
  ): Sipp {
    return new Sipp({ steps, remotePort: this.#server.sipPort, localPort: this.port, keys, ...load });
  }
}

const unauthorised: Step = '<recv response="401" auth="true" timeout="10000"></recv>';

const registerText = (sip: SipCredentials, cseq: number, authentication: string) =>
  `<send retrans="500"><![CDATA[

REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:${sip.user}@${sip.domain}>;tag=[pid]r[call_number]
To: <sip:${sip.user}@${sip.domain}>
Call-ID: [call_id]
CSeq: ${cseq} REGISTER
Contact: <sip:${sip.user}@[local_ip]:[local_port]>;expires=300
${authentication}Content-Length: 0

]]></send>`;

const register = (sip: SipCredentials) => registerText(sip, 1, '');
const registerWithCredentials = (sip: SipCredentials) =>
  registerText(sip, 2, `[authentication username=${sip.user} password=${sip.password}]\n`);
