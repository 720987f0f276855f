import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SipCredentials } from './person.ts';
import { freePort, freeRange } from './ports.ts';
import { Process, until } from './process.ts';

export interface LinphoneOptions {
  sip: SipCredentials;
  server: { host: string; port: number };
  transport: 'udp' | 'tcp' | 'tls';
  /** Spoken into every call; 8 kHz 16-bit mono WAV. */
  speaks: string;
}

/** A real softphone: linphonec, with files in place of microphone and loudspeaker. */
export class Linphone {
  readonly process: Process;
  /** What it has heard in its newest call: 16-bit WAV, whole once the call is over. */
  readonly heard: string;
  readonly #folder: string;
  /** Where in its output the present waits began. */
  #mark = 0;

  private constructor(process: Process, folder: string) {
    this.process = process;
    this.#folder = folder;
    this.heard = join(folder, 'heard.wav');
  }

  /** Starts it and waits until it is registered. */
  static start(options: LinphoneOptions): Promise<Linphone> {
    return Linphone.#launch(options.speaks, (sipPort, rtpPort) => configuration(options, sipPort, rtpPort));
  }

  /** The same, with what it finds at the address that a QR code has brought it (remote provisioning). */
  static setUp(options: { url: string; speaks: string }): Promise<Linphone> {
    return Linphone.#launch(options.speaks, (sipPort, rtpPort) =>
      bareConfiguration(options.url, sipPort, rtpPort),
    );
  }

  static async #launch(
    speaks: string,
    configure: (sipPort: number, rtpPort: number) => string,
  ): Promise<Linphone> {
    const folder = mkdtempSync(join(tmpdir(), 'linphone-'));
    mkdirSync(join(folder, '.local/share/linphone'), { recursive: true });
    const config = join(folder, 'linphonerc');
    writeFileSync(config, configure(await freePort(), await freeRange(2)));
    const process = new Process('linphonec', ['-c', config], {
      cwd: folder,
      env: { HOME: folder, PATH: '/usr/bin' },
    });
    const phone = new Linphone(process, folder);
    try {
      await process.waitFor(/linphonec> /);
      await phone.#command('soundcard use files', /Using wav files/);
      phone.#say(`play ${speaks}`);
      phone.#say(`record ${phone.heard}`);
      await phone.#registered();
      return phone;
    } catch (error) {
      await phone.stop();
      throw error;
    }
  }

  async #registered(): Promise<void> {
    await until(
      async () => {
        await this.#command('status register', /registered=(-?\d+)|registered, identity/);
        return /registered, identity/.test(this.process.output);
      },
      { describe: () => `not registered:\n${this.process.output}` },
    );
  }

  /** Resolves when it shows this, after what it showed before. */
  async sees(pattern: RegExp): Promise<void> {
    const from = this.#mark;
    const match = await until(() => this.process.output.slice(from).match(pattern) ?? undefined, {
      describe: () => `linphonec: no ${pattern} in:\n${this.process.output.slice(from)}`,
    });
    this.#mark = from + (match.index ?? 0) + match[0].length;
  }

  async rings(): Promise<void> {
    await this.sees(/Receiving new incoming call/);
  }

  async answer(): Promise<void> {
    await this.#command('answer', /Call answered|connected|Media streams established/);
  }

  /** Ends the call that it has, or declines the one that rings. */
  hangUp(): void {
    this.#say('terminate');
  }

  /** What it has written down of itself. */
  get ownConfiguration(): string {
    return readFileSync(join(this.#folder, 'linphonerc'), 'utf8');
  }

  /** Resolves when it has ended and written down what it keeps. */
  async quit(): Promise<void> {
    this.#say('quit');
    await this.process.exited();
  }

  async stop(): Promise<void> {
    if (this.process.running) {
      this.#say('quit');
      await this.process.exited(5_000).catch(() => null);
    }
    await this.process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #command(command: string, shows: RegExp): Promise<void> {
    this.#say(command);
    await this.sees(shows);
  }

  #say(command: string): void {
    this.process.write(`${command}\n`);
  }
}

const configuration = ({ sip, server, transport }: LinphoneOptions, sipPort: number, rtpPort: number) => `
[sip]
sip_port=${transport === 'udp' ? sipPort : 0}
sip_tcp_port=${transport === 'tcp' ? sipPort : 0}
sip_tls_port=${transport === 'tls' ? sipPort : 0}
# The certificate is a test authority's.
verify_server_certs=0
verify_server_cn=0
use_ipv6=0
default_proxy=0
media_encryption=none

[rtp]
audio_rtp_port=${rtpPort}

[net]
firewall_policy=0

[sound]
echocancellation=0

[proxy_0]
reg_proxy=<sip:${server.host}:${server.port};transport=${transport}>
reg_identity=sip:${sip.user}@${sip.domain}
reg_expires=60
reg_sendregister=1
publish=0

[auth_info_0]
username=${sip.user}
passwd=${sip.password}

[audio_codec_0]
mime=PCMA
rate=8000
channels=1
enabled=1

[audio_codec_1]
mime=PCMU
rate=8000
channels=1
enabled=1
`;

/** As a telephone that is new. */
const bareConfiguration = (url: string, sipPort: number, rtpPort: number) => `
[misc]
config-uri=${url}

[sip]
sip_port=0
sip_tcp_port=${sipPort}
use_ipv6=0
media_encryption=none

[rtp]
audio_rtp_port=${rtpPort}

[net]
firewall_policy=0

[sound]
echocancellation=0
`;
