import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const host = '127.0.0.1';
const mainFile = fileURLToPath(new URL('../../../server/src/main.ts', import.meta.url));
const startLimitMs = 20_000;
const stopLimitMs = 10_000;
/** Each call takes two legs of two ports; the demo has one call at a time. */
const rtpPortCount = 40;

export interface ServerOptions {
  ringTimeoutSeconds: number;
}

/** A Ringthrough of its own for the demo: own process, own data, own ports. */
export class ServerProcess {
  readonly origin: string;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #output: string[];

  private constructor(init: { origin: string; process: ChildProcess; folder: string; output: string[] }) {
    this.origin = init.origin;
    this.#process = init.process;
    this.#folder = init.folder;
    this.#output = init.output;
  }

  /** @throws Error with what the server wrote when it does not come up. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'ringthrough-demo-'));
    const httpPort = await freeTcpPort();
    const file = join(folder, 'ringthrough.yaml');
    await writeFile(file, await configuration(folder, httpPort, options));
    const child = spawn(process.execPath, [mainFile, '--config', file], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => output.push(text));
    }
    const server = new ServerProcess({
      origin: `http://${host}:${httpPort}`,
      process: child,
      folder,
      output,
    });
    try {
      await server.#ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Everything the server wrote so far. */
  get output(): string {
    return this.#output.join('');
  }

  /** Asks it to end, waits for that, and removes its data. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
      await gone;
      clearTimeout(timer);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    while (Date.now() < deadline) {
      if (this.#process.exitCode !== null) throw new Error(`The server ended at once:\n${this.output}`);
      const response = await fetch(`${this.origin}/healthz`).catch(() => undefined);
      if (response?.ok === true) return;
      await delay(50);
    }
    throw new Error(`The server did not start in ${startLimitMs / 1000} s:\n${this.output}`);
  }
}

async function configuration(folder: string, httpPort: number, options: ServerOptions): Promise<string> {
  const [sip, webrtc, gsm, uk] = await freeUdpPorts(4);
  const rtpMin = await freeUdpRange(rtpPortCount);
  const smppPort = await freeTcpPort();
  const overSmpp = `sms: { smpp: { host: ${host}, port: ${smppPort}, systemId: lab-gsm, password: demo } }`;
  const token = 'demo-sms-token-0001';
  const overHttp = `sms: { url: /lab/api/sms, token: ${token}, inboundToken: ${token} }`;
  return `dataDir: ${JSON.stringify(join(folder, 'data'))}
http: { host: ${host}, port: ${httpPort} }
sip: { host: ${host}, port: ${sip} }
media: { host: ${host}, webrtcPort: ${webrtc}, rtpPorts: { min: ${rtpMin}, max: ${rtpMin + rtpPortCount - 1} } }
calls: { ringTimeoutSeconds: ${options.ringTimeoutSeconds} }
carriers:
  - { id: lab-gsm, name: Lab GSM, country: US, family: gsm, prefixes: ["+1"], cNumber: "+14155559000",
      trunks: [{ host: ${host}, port: ${gsm} }], ${overSmpp} }
  - { id: lab-mobile-uk, name: Lab Mobile UK, country: GB, family: gsm, prefixes: ["+44"], cNumber: "+447700900999",
      trunks: [{ host: ${host}, port: ${uk} }], ${overHttp} }
lab: { enabled: true, smppPort: ${smppPort} }
`;
}

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');
  return port;
}

/** All bound at once, so that they differ, then freed for the server. The SIP port must be free for TCP as well. */
async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => bindUdp(0)));
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) socket.close();
  return ports;
}

/** First port, even, of a range in which each port is free now. */
async function freeUdpRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const first = 2 * Math.floor(10_000 + Math.random() * 12_000);
    const sockets = await Promise.allSettled(
      Array.from({ length: count }, (_, index) => bindUdp(first + index)),
    );
    for (const result of sockets) if (result.status === 'fulfilled') result.value.close();
    if (sockets.every((result) => result.status === 'fulfilled')) return first;
  }
  throw new Error('There is no free range of UDP ports for the demo.');
}

async function bindUdp(port: number) {
  const socket = createSocket('udp4');
  const bound = once(socket, 'listening');
  socket.bind(port, host);
  try {
    await bound;
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}
