import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keepPorts } from './pcapng.ts';
import { Process, until } from './process.ts';

/** A port of ours whose traffic is to be looked at. */
export interface OurPort {
  port: number;
  /** SIP over UDP, TCP or TLS; or HTTP (and HTTPS), where SIP goes over WebSocket. */
  kind: 'sip' | 'http';
  /** Whether it is TLS. */
  secure?: boolean;
}

/** Something that tshark has against a message. */
export interface Complaint {
  frame: string;
  from: string;
  message: string;
  /** The start line, as far as tshark could tell. */
  about: string;
}

export interface Verdict {
  /** Frames with SIP of ours. */
  sipFrames: number;
  /** The same by transport: udp, tcp, tls, ws, wss. */
  byTransport: Record<string, number>;
  complaints: Complaint[];
}

/**
 * What tshark 4.0 says of messages that are right.
 */
const falsePositives: ReadonlyArray<{ message: RegExp; why: string }> = [];

/** Media is left out: RTP, RTCP (first byte 128–191), STUN and DTLS (0–63). SIP begins with a letter, or CR. */
const filter =
  'tcp or (ip and udp and udp[8] >= 64 and udp[8] < 128) or (ip6 and ip6[6] = 17 and ip6[48] >= 64 and ip6[48] < 128)';

/** The severity of an expert's warning; errors have more. */
const warning = 6_291_456;

const folderVariable = 'RINGTHROUGH_CAPTURE_FOLDER';

/** In a captured run: tells which ports are ours. Servers that are sent garbage on purpose are not told. */
export function tellCapture(...ports: OurPort[]): void {
  const folder = process.env[folderVariable];
  if (folder === undefined) return;
  for (const one of ports) appendFileSync(join(folder, 'ports.jsonl'), `${JSON.stringify(one)}\n`);
}

/** In a captured run: the flag by which a Node process writes down its TLS secrets. */
export function keyLogFlags(): string[] {
  const folder = process.env[folderVariable];
  return folder === undefined ? [] : [`--tls-keylog=${join(folder, 'keys.log')}`];
}

/** Whether tshark is on this machine. */
export const hasTshark = (): boolean =>
  spawnSync('sh', ['-c', 'command -v tshark && command -v dumpcap'], { stdio: 'ignore' }).status === 0;

/** What goes over loopback, from `start` to `judge`. */
export class Capture {
  readonly folder: string;
  readonly #dumpcap: Process;

  private constructor(folder: string, dumpcap: Process) {
    this.folder = folder;
    this.#dumpcap = dumpcap;
  }

  /** @throws Error that says what is missing, when this process may not capture */
  static async start(): Promise<Capture> {
    const folder = mkdtempSync(join(tmpdir(), 'ringthrough-capture-'));
    const file = join(folder, 'loopback.pcapng');
    const dumpcap = new Process('dumpcap', ['-i', 'lo', '-f', filter, '-B', '64', '-w', file]);
    const capture = new Capture(folder, dumpcap);
    try {
      await dumpcap.waitFor(/^File: /m, 10_000);
      return capture;
    } catch (error) {
      await capture.remove();
      throw new Error(
        `Nothing can be captured on loopback: ${dumpcap.output.trim() || String(error)}. ` +
          'It takes Debian’s tshark, and root or the capability CAP_NET_RAW.',
      );
    }
  }

  /** Makes processes that are started from now on part of the captured run. */
  announce(): void {
    process.env[folderVariable] = this.folder;
  }

  /** Ends the capture and has it read. @param ports those of ours; default: what was told by `tellCapture` */
  async judge(ports: readonly OurPort[] = this.#told()): Promise<Verdict> {
    await this.#flushed();
    await this.#dumpcap.stop('SIGINT');
    const dropped = /dropped on interface[^:]*: \d+\/(\d+)/.exec(this.#dumpcap.output)?.[1];
    if (dropped !== undefined && dropped !== '0') throw new Error(`the capture lost ${dropped} packets`);
    if (ports.length === 0) return { sipFrames: 0, byTransport: {}, complaints: [] };
    const file = join(this.folder, 'ours.pcapng');
    await keepPorts(join(this.folder, 'loopback.pcapng'), file, new Set(ports.map(({ port }) => port)));
    const how = [...this.#decode(ports), '-r', file];
    const ours = sourceFilter(ports);
    const fields = ['frame.number', 'frame.protocols', '_ws.malformed', '_ws.expert.severity'];
    const asked = ['-T', 'fields', ...fields.flatMap((name) => ['-e', name])];
    const frames = await tshark([...how, '-Y', `${ours} && (sip || _ws.malformed)`, ...asked]);
    const lines = frames.split('\n').filter(Boolean);
    const suspects = lines.map((line) => line.split('\t')).filter(isSuspect);
    const numbers = suspects.map(([number]) => number).join(',');
    // The whole story only where there is one: it takes tshark a second reading.
    const details =
      numbers === '' ? '' : await tshark([...how, '-Y', `frame.number in {${numbers}}`, '-T', 'pdml']);
    const complaints = complaintsIn(details).filter(
      ({ message }) => !falsePositives.some((one) => one.message.test(message)),
    );
    const transports = lines.flatMap((line) => transportOf(line.split('\t')[1] ?? '') ?? []);
    const byTransport: Record<string, number> = {};
    for (const one of transports) byTransport[one] = (byTransport[one] ?? 0) + 1;
    return { sipFrames: transports.length, byTransport, complaints };
  }

  /** Resolves once what was sent before is in the file: a mark that is sent now has arrived there. */
  async #flushed(): Promise<void> {
    const mark = `captured ${randomUUID()}`;
    const file = join(this.folder, 'loopback.pcapng');
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    try {
      await until(
        () => {
          socket.send(mark, socket.address().port, '127.0.0.1');
          return endOf(file).includes(mark) ? true : undefined;
        },
        { timeoutMs: 20_000, describe: () => `the capture stands still: ${this.#dumpcap.output}` },
      );
    } finally {
      socket.close();
    }
  }

  /** Ends the capture and takes its file away. */
  async remove(): Promise<void> {
    await this.#dumpcap.stop('SIGINT');
    rmSync(this.folder, { recursive: true, force: true });
    if (process.env[folderVariable] === this.folder) delete process.env[folderVariable];
  }

  #told(): OurPort[] {
    const file = join(this.folder, 'ports.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return [...new Set(lines)].map((line) => JSON.parse(line) as OurPort);
  }

  #decode(ports: readonly OurPort[]): string[] {
    const rules = ports.flatMap(({ port, kind, secure }) => [
      ...(kind === 'sip' ? [`udp.port==${port},sip`] : []),
      ...(secure ? [`tcp.port==${port},tls`, `tls.port==${port},${kind}`] : [`tcp.port==${port},${kind}`]),
    ]);
    const keys = join(this.folder, 'keys.log');
    return [
      ...rules.flatMap((rule) => ['-d', rule]),
      ...(existsSync(keys) ? ['-o', `tls.keylog_file:${keys}`] : []),
    ];
  }
}

/** Of what tshark calls `eth:ethertype:ip:tcp:http:websocket:sip`; undefined without SIP. */
function transportOf(protocols: string): string | undefined {
  const names = protocols.split(':');
  if (!names.includes('sip')) return undefined;
  const secure = names.includes('tls');
  if (names.includes('websocket')) return secure ? 'wss' : 'ws';
  return secure ? 'tls' : names.includes('tcp') ? 'tcp' : 'udp';
}

/** Malformed, or somebody's expert has something to say: TCP's, it may be. */
function isSuspect([, , malformed = '', severities = '']: string[]): boolean {
  return malformed !== '' || severities.split(',').some((one) => Number(one) >= warning);
}

/** The last megabyte of a file. */
function endOf(file: string): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, 1 << 20));
    readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** What we sent: all from a SIP port; SIP over WebSocket both ways, since the page is ours as well. */
function sourceFilter(ports: readonly OurPort[]): string {
  const list = (kind: OurPort['kind']) =>
    ports
      .filter((one) => one.kind === kind)
      .map(({ port }) => port)
      .join(',') || '0';
  const [sip, http] = [list('sip'), list('http')];
  return `(udp.srcport in {${sip}} || tcp.srcport in {${sip}} || (tcp.port in {${http}} && sip))`;
}

async function tshark(args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('tshark', ['-n', ...args], { maxBuffer: 1 << 30 });
  return stdout;
}

/** What tshark's PDML says against SIP, and what it calls malformed; TCP's own remarks are of no interest. */
function complaintsIn(pdml: string): Complaint[] {
  return pdml.split('<packet>').slice(1).flatMap(complaintsAbout);
}

function complaintsAbout(packet: string): Complaint[] {
  const show = (name: string) =>
    new RegExp(`<field name="${name.replaceAll('.', '\\.')}"[^>]*? show="([^"]*)"`).exec(packet)?.[1] ?? '';
  const frame = show('frame.number') || (/<field name="num"[^>]*? show="(\d+)"/.exec(packet)?.[1] ?? '');
  const from = `${show('ip.src') || show('ipv6.src')}:${show('udp.srcport') || show('tcp.srcport')}`;
  const about = show('sip.Request-Line') || show('sip.Status-Line');
  const protocols = packet.split('<proto ').slice(1);
  return protocols.flatMap((text) => {
    const name = /^name="([^"]*)"/.exec(text)?.[1] ?? '';
    // tshark lists it twice, once out of sight.
    if (name === '_ws.malformed')
      return /^[^>]*hide="yes"/.test(text) ? [] : [{ frame, from, about, message: 'malformed' }];
    if (!['sip', 'sdp', 'sipfrag', 'raw_sip'].includes(name)) return [];
    return expertsIn(text).map((message) => ({ frame, from, about, message: `${name}: ${message}` }));
  });
}

function expertsIn(text: string): string[] {
  return text
    .split('<field name="_ws.expert"')
    .slice(1)
    .filter((one) => Number(/name="_ws\.expert\.severity"[^>]*? show="(\d+)"/.exec(one)?.[1]) >= warning)
    .map((one) => /name="_ws\.expert\.message"[^>]*? show="([^"]*)"/.exec(one)?.[1] ?? 'no text');
}
