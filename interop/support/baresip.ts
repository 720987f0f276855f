import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ToneDetector } from '@ringthrough/rtp';
import type { NetworkHost } from './network.ts';
import type { SipCredentials } from './person.ts';
import { freePair, freePort } from './ports.ts';
import { Process, until } from './process.ts';

export interface BaresipOptions {
  sip: SipCredentials;
  server: { host: string; port: number };
  /** Spoken into every call; 8 kHz 16-bit mono WAV. */
  speaks: string;
  /** Default: UDP. */
  transport?: 'udp' | 'tcp';
  /** It subscribes to waiting messages (RFC 3842). */
  messageWaiting?: boolean;
  /** How long it asks to be registered for; it comes again before that. */
  registerSeconds?: number;
  /** The proxy that all its requests go to (`outbound` of baresip); default: the server itself. */
  proxy?: { host: string; port: number };
  /** Ways that it registers over at the same time, with a flow id each (RFC 5626); in place of `proxy`. */
  flows?: Array<{ port: number; transport: 'udp' | 'tcp' }>;
  /** Where it runs; default: here, on loopback. */
  on?: NetworkHost;
}

/** One line of ctrl_tcp; `event` tells it from the answer to a command. */
interface BaresipMessage extends BaresipEvent {
  event?: boolean;
}

export interface BaresipEvent {
  /** CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED … */
  type: string;
  /** For CALL_CLOSED: why. */
  param?: string;
}

/** A real softphone: baresip, registered over UDP, that speaks from a file and writes what it hears to one. */
export class Baresip {
  readonly process: Process;
  readonly events: BaresipEvent[] = [];
  readonly #folder: string;
  readonly #control: Socket;
  readonly #watchers = new Set<() => void>();
  #unread = Buffer.alloc(0);

  private constructor(process: Process, folder: string, control: Socket) {
    this.process = process;
    this.#folder = folder;
    this.#control = control;
    control.on('data', (chunk) => this.#read(chunk));
  }

  /** Starts it and waits until it is registered. */
  static async start(options: BaresipOptions): Promise<Baresip> {
    const { speaks, on } = options;
    const folder = mkdtempSync(join(tmpdir(), 'baresip-'));
    // It takes the next port for TLS, wanted or not.
    const sipPort = await freePair();
    let controlPort = await freePort();
    while (controlPort === sipPort || controlPort === sipPort + 1) controlPort = await freePort();
    const address = on?.address ?? '127.0.0.1';
    const sipListen = `${address}:${sipPort}\n${on ? '' : 'net_interface 127.0.0.1'}`;
    writeFileSync(join(folder, 'config'), config(folder, speaks, sipListen, `${address}:${controlPort}`));
    if (options.messageWaiting) appendFileSync(join(folder, 'config'), 'module_app mwi.so\n');
    // An instance needs its UUID.
    if (options.flows) appendFileSync(join(folder, 'config'), 'module_tmp uuid.so\n');
    writeFileSync(join(folder, 'accounts'), account(options));
    writeFileSync(join(folder, 'contacts'), '');
    const [command = '', ...args] = on ? on.command('baresip', ['-f', folder]) : ['baresip', '-f', folder];
    const process = new Process(command, args, { cwd: folder });
    try {
      await process.waitFor(/baresip is ready/);
      const baresip = new Baresip(process, folder, await open(controlPort, address));
      await process.waitFor(/200 OK/);
      return baresip;
    } catch (error) {
      await process.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
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

  /** What it heard in its newest call: 16-bit WAV, whole once the call is over. */
  get heard(): string | undefined {
    // The time of day is in the name.
    const name = readdirSync(this.#folder)
      .filter((file) => file.endsWith('-dec.wav'))
      .sort()
      .at(-1);
    return name && join(this.#folder, name);
  }

  /** Resolves when its newest call has brought it so much of a tone. */
  async hears(hz: number, durationMs: number): Promise<void> {
    await until(() => this.heard !== undefined && toneMs(this.heard, hz) >= durationMs, {
      describe: () => `baresip does not hear ${hz} Hz`,
    });
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

  /** Netstrings of JSON: events, and answers to commands that nobody waits for. */
  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const colon = this.#unread.indexOf(':');
      const end = colon + 1 + Number(this.#unread.subarray(0, Math.max(0, colon)).toString());
      if (colon < 0 || this.#unread.length <= end) break;
      const message = JSON.parse(this.#unread.subarray(colon + 1, end).toString()) as BaresipMessage;
      if (message.event) this.events.push(message);
      this.#unread = this.#unread.subarray(end + 1);
    }
    for (const watcher of [...this.#watchers]) watcher();
  }
}

const WAV_HEADER_BYTES = 44;

/** For how long a tone sounds in a recording that still grows, whose header does not tell its length yet. */
function toneMs(path: string, hz: number): number {
  const bytes = readFileSync(path).subarray(WAV_HEADER_BYTES);
  const samples = Int16Array.from({ length: bytes.length >> 1 }, (_, at) => bytes.readInt16LE(2 * at));
  const detector = new ToneDetector({ sampleRate: 8000, frequencies: [hz] });
  detector.push(samples);
  return detector.heardMs(hz);
}

function open(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.once('error', reject);
  });
}

function account(options: BaresipOptions): string {
  const { sip, server, transport = 'udp', registerSeconds = 60, proxy, flows = [] } = options;
  const address = `<sip:${sip.user}@${server.host}:${server.port};transport=${transport}>`;
  const outbound = proxy ? `;outbound="sip:${proxy.host}:${proxy.port};transport=${transport}"` : '';
  const ways = flows.map((flow, index) => {
    const uri = `sip:${server.host}:${flow.port};transport=${flow.transport}`;
    return `;outbound${index === 0 ? '' : index + 1}="${uri}"`;
  });
  const several = flows.length === 0 ? '' : `;sipnat=outbound${ways.join('')}`;
  const secret = `auth_user=${sip.user};auth_pass=${sip.password}`;
  return `${address};${secret}${outbound}${several};regint=${registerSeconds};audio_codecs=PCMA/8000/1,PCMU/8000/1\n`;
}

const config = (folder: string, speaks: string, sipListen: string, control: string) => `
sip_listen ${sipListen}
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
ctrl_tcp_listen ${control}
`;
