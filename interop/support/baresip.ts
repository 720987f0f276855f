import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SipCredentials } from './person.ts';
import { freePort } from './ports.ts';
import { Process, until } from './process.ts';

export interface BaresipOptions {
  sip: SipCredentials;
  server: { host: string; port: number };
  /** Spoken into every call; 8 kHz 16-bit mono WAV. */
  speaks: string;
}

interface BaresipEvent {
  type: string;
  param?: string;
}

/** A real softphone: baresip, registered over UDP, that speaks from a file and writes what it hears to one. */
export class Baresip {
  readonly process: Process;
  readonly events: BaresipEvent[] = [];
  readonly #folder: string;
  readonly #control: Socket;
  readonly #watchers = new Set<() => void>();

  private constructor(process: Process, folder: string, control: Socket) {
    this.process = process;
    this.#folder = folder;
    this.#control = control;
    control.on('data', (chunk) => this.#read(chunk.toString()));
  }

  /** Starts it and waits until it is registered. */
  static async start({ sip, server, speaks }: BaresipOptions): Promise<Baresip> {
    const folder = mkdtempSync(join(tmpdir(), 'baresip-'));
    const [sipPort, controlPort] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'config'), config(folder, speaks, sipPort, controlPort));
    writeFileSync(join(folder, 'accounts'), account(sip, server));
    writeFileSync(join(folder, 'contacts'), '');
    const process = new Process('baresip', ['-f', folder], { cwd: folder });
    await process.waitFor(/baresip is ready/);
    const baresip = new Baresip(process, folder, await open(controlPort));
    await until(() => /200 OK/.test(process.output) || undefined, {
      describe: () => `baresip did not register:\n${process.output}`,
    });
    return baresip;
  }

  /** Waits for the nth event of a type, for example CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED. */
  async event(type: string, nth = 1): Promise<BaresipEvent> {
    return until(() => this.events.filter((event) => event.type === type)[nth - 1], {
      watch: this.#watchers,
      describe: () =>
        `no ${type}; saw ${this.events.map((event) => event.type).join(', ')}\n${this.process.output}`,
    });
  }

  accept(): void {
    this.#command('accept');
  }

  hangUp(): void {
    this.#command('hangup');
  }

  /** What it heard in its calls so far: 16-bit WAV. */
  get heard(): string | undefined {
    const name = readdirSync(this.#folder).find((file) => file.endsWith('-dec.wav'));
    return name && join(this.#folder, name);
  }

  async stop(): Promise<void> {
    this.#control.destroy();
    await this.process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #command(command: string): void {
    const text = JSON.stringify({ command });
    this.#control.write(`${text.length}:${text},`);
  }

  /** Netstrings of JSON; only whole objects on one chunk are looked at, which is how baresip writes them. */
  #read(text: string): void {
    for (const [json] of text.matchAll(/\{.*?\}(?=,|$)/g)) {
      try {
        const event = JSON.parse(json) as BaresipEvent & { event?: boolean };
        if (event.event) this.events.push(event);
      } catch {
        // The answer to a command, cut in two: nobody waits for it.
      }
    }
    for (const watcher of [...this.#watchers]) watcher();
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

const account = (sip: SipCredentials, server: { host: string; port: number }) =>
  `<sip:${sip.user}@${server.host}:${server.port};transport=udp>;auth_user=${sip.user};auth_pass=${sip.password};regint=60;audio_codecs=PCMA/8000/1,PCMU/8000/1\n`;

const config = (folder: string, speaks: string, sipPort: number, controlPort: number) => `
sip_listen 127.0.0.1:${sipPort}
net_interface 127.0.0.1
audio_path /usr/share/baresip
audio_source aufile,${speaks}
ausrc_srate 8000
ausrc_format s16
call_local_timeout 120
call_max_calls 4
snd_path ${folder}
module_path /usr/lib/baresip/modules
module ctrl_tcp.so
module g711.so
module aufile.so
module sndfile.so
module_app account.so
module_app contact.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:${controlPort}
`;
