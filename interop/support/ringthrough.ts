import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { keyLogFlags, type OurPort, tellCapture } from './capture.ts';
import { freePort, freeRange } from './ports.ts';
import { Process } from './process.ts';
import { SmsInbox } from './sms-inbox.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The C number of the test carrier. */
export const C_NUMBER = '+14155559000';

/** Each has a switch on a port of its own. */
const labCarriers = 4;

export interface RingthroughOptions {
  /** Where it listens; default: loopback. */
  host?: string;
  /** Merged over the test configuration, one level deep. */
  config?: Record<string, Record<string, unknown>>;
  /** Where the test carrier's switch sends from; default: a free port. */
  trunkPort?: number;
  /** Trunks of the test carrier, in place of the one at `trunkPort`. */
  trunks?: unknown[];
  /** With the carriers of the lab as by default, on free ports, in place of the test carrier. */
  lab?: boolean;
  /** Processor the server is bound to. */
  processor?: number;
  /** It is sent garbage on purpose, and its answers repeat it: not for the capture of the whole run. */
  fedGarbage?: boolean;
}

/** The real server as a process of its own, on free ports with a data folder of its own, and a carrier that takes its SMS. */
export class Ringthrough {
  readonly folder: string;
  readonly host: string;
  readonly httpPort: number;
  readonly sipPort: number;
  readonly webrtcPort: number;
  readonly rtpPorts: { min: number; max: number };
  readonly trunkPort: number;
  readonly sms: SmsInbox;
  process: Process;
  readonly #processor: number | undefined;
  #secure = false;

  private constructor(
    parts: Omit<Ringthrough, 'start' | 'gauge' | 'kill' | 'restart' | 'stop' | 'url'>,
    processor?: number,
  ) {
    this.#processor = processor;
    this.folder = parts.folder;
    this.host = parts.host;
    this.httpPort = parts.httpPort;
    this.sipPort = parts.sipPort;
    this.webrtcPort = parts.webrtcPort;
    this.rtpPorts = parts.rtpPorts;
    this.trunkPort = parts.trunkPort;
    this.sms = parts.sms;
    this.process = parts.process;
  }

  static async start(options: RingthroughOptions = {}): Promise<Ringthrough> {
    const folder = mkdtempSync(join(tmpdir(), 'ringthrough-'));
    const sms = await SmsInbox.start();
    const { host = '127.0.0.1' } = options;
    const [httpPort, sipPort, webrtcPort] = [await freePort(), await freePort(), await freePort()];
    const trunkPort = options.trunkPort ?? (await freePort());
    const rtpStart = await freeRange(200);
    const rtpPorts = { min: rtpStart, max: rtpStart + 199 };
    const config: Record<string, unknown> = {
      dataDir: join(folder, 'data'),
      http: { host, port: httpPort },
      // SIPp's requests are shorter than those of telephones.
      sip: { host, port: sipPort, guard: { maxUdpAnswerRatio: 2 } },
      media: { host, webrtcPort, rtpPorts },
      lab: options.lab
        ? { enabled: true, sipPort: await freeRange(labCarriers), smppPort: await freePort() }
        : { enabled: false },
      // SIPp registers in one run and answers in another: in between there is nobody to ask.
      registration: { softphonePingSeconds: 0 },
      ...(options.lab
        ? {}
        : { carriers: [testCarrier(options.trunks ?? [{ host: '127.0.0.1', port: trunkPort }], sms)] }),
    };
    for (const [key, value] of Object.entries(options.config ?? {})) {
      config[key] = { ...(config[key] as Record<string, unknown> | undefined), ...value };
    }
    writeFileSync(join(folder, 'ringthrough.yaml'), stringify(config));
    if (!options.fedGarbage) tellCapture(...portsOf(config));
    const process = launch(folder, options.processor);
    const server = new Ringthrough({
      folder,
      host,
      httpPort,
      sipPort,
      webrtcPort,
      rtpPorts,
      trunkPort,
      sms,
      process,
    });
    server.#secure = options.config?.http?.tls !== undefined;
    await server.#ready();
    return server;
  }

  get url(): string {
    return `http${this.#secure ? 's' : ''}://${this.host}:${this.httpPort}`;
  }

  /** A number of /metrics; labels do not count. @throws when there is none of this name */
  async gauge(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    if (!line) throw new Error(`/metrics has no ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** Ends the process the way a power cut would. */
  async kill(): Promise<void> {
    await this.process.stop('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.process.stop();
    this.process = launch(this.folder, this.#processor);
    await this.#ready();
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await this.sms.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    await this.process.waitFor(new RegExp(`:${this.httpPort}/`), 45_000);
  }
}

function testCarrier(trunks: unknown[], { url, token }: SmsInbox): Record<string, unknown> {
  return {
    id: 'test-carrier',
    name: 'Test Carrier',
    country: 'US',
    family: 'gsm',
    prefixes: ['+1', '+44'],
    cNumber: C_NUMBER,
    trunks,
    sms: { url, token },
  };
}

/** Every port of this configuration that SIP goes over. */
function portsOf(config: Record<string, unknown>): OurPort[] {
  const { http, sip } = config as {
    http: { port: number; tls?: unknown };
    sip: {
      port: number;
      tls?: { port?: number };
      listeners?: Array<{ protocol: string; port: number }>;
    };
  };
  const all: OurPort[] = [
    { port: http.port, kind: 'http', secure: http.tls !== undefined },
    { port: sip.port, kind: 'sip' },
    { port: sip.tls?.port ?? 0, kind: 'sip', secure: true },
    ...(sip.listeners ?? []).map(
      ({ protocol, port }): OurPort => ({ port, kind: 'sip', secure: protocol === 'tls' }),
    ),
  ];
  return all.filter(({ port }) => port !== 0);
}

function launch(folder: string, processor?: number): Process {
  const node = join(root, 'node_modules', '.bin', 'node');
  const main = join(root, 'server', 'src', 'main.ts');
  const pinned = processor === undefined ? [] : ['taskset', '-c', String(processor)];
  // As `npm start` (scripts/prepare.mjs).
  const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8', ...keyLogFlags()];
  const [command = node, ...args] = [...pinned, node, ...flags, main];
  return new Process(command, args, { cwd: folder });
}
