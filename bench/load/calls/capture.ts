import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process, until } from '../../../interop/support/process.ts';
import { LOAD_PROCESSOR, pinned } from './processors.ts';

/** A UDP packet of loopback, timed by the kernel: when it was sent, which is when it was in the other's socket. */
export interface Packet {
  timeMs: number;
  from: number;
  to: number;
  text: string;
}

export const hasCapture = (): boolean => spawnSync('dumpcap', ['-v']).status === 0;

/** Captures what goes to and from a port while `work` runs. */
export async function captured(port: number, work: () => Promise<void>): Promise<Packet[]> {
  const folder = mkdtempSync(join(tmpdir(), 'capture-'));
  const file = join(folder, 'packets.pcap');
  const [command, args] = pinned(LOAD_PROCESSOR, [
    ...['dumpcap', '-q', '-i', 'lo', '-f', `udp port ${port}`, '-P', '-B', '128', '-w', file],
  ]);
  const capture = new Process(command, args);
  try {
    await capture.waitFor(/File: /);
    await work();
    await capture.stop('SIGINT');
    await until(() => !capture.running);
    return packetsOf(readFileSync(file));
  } finally {
    await capture.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html, of Ethernet, IPv4 without options, UDP. */
function packetsOf(file: Buffer): Packet[] {
  if (file.readUInt32LE(0) !== 0xa1b2c3d4) throw new Error('no capture file of this machine');
  const packets: Packet[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const timeMs = file.readUInt32LE(at) * 1000 + file.readUInt32LE(at + 4) / 1000;
    const udp = at + 16 + 14 + 20;
    packets.push({
      timeMs,
      from: file.readUInt16BE(udp),
      to: file.readUInt16BE(udp + 2),
      text: file.toString('latin1', udp + 8, at + 16 + length),
    });
    at += 16 + length;
  }
  return packets;
}
