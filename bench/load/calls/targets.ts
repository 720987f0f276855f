import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Person } from '../../../interop/support/person.ts';
import { freePort } from '../../../interop/support/ports.ts';
import { Process, until } from '../../../interop/support/process.ts';
import { C_NUMBER, Ringthrough } from '../../../interop/support/ringthrough.ts';
import { SippDevice } from '../../../interop/support/sipp-device.ts';
import { kamailioConfig, registerAt } from './kamailio.ts';
import type { Line } from './line.ts';
import { pinned, processorSeconds, SERVER_PROCESSOR } from './processors.ts';

/** What calls are sent through. */
export interface Target {
  readonly name: string;
  readonly sipPort: number;
  readonly lines: readonly Line[];
  /** Since its start, all its processes. */
  processorSeconds(): number;
  /** A fresh process with the same lines. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface LinesWanted {
  lines: number;
  phonesPerLine: number;
}

const number = (index: number) => `+1415555${String(1000 + index)}`;

/** The whole product on one processor, database on disk, with as many people as there are lines. */
export async function productTarget({ lines: count, phonesPerLine }: LinesWanted): Promise<Target> {
  const server = await Ringthrough.start({
    // Several SIPps are one trunk: whatever comes from its address.
    trunks: [{ host: '127.0.0.1' }],
    config: {
      calls: { maxConcurrent: 20_000, maxConcurrentPerAccount: 20_000 },
      media: { rtpPorts: { min: 10_000, max: 31_999 } },
      sip: { limits: { maxServerTransactions: 400_000 } },
      http: { requestsPerAddressPerMinute: 10_000 },
    },
    ...(SERVER_PROCESSOR === undefined ? {} : { processor: SERVER_PROCESSOR }),
  });
  const lines: Line[] = [];
  for (let index = 0; index < count; index++) {
    const [person] = await Person.signUp(server, number(index));
    const phones: number[] = [];
    for (let phone = 0; phone < phonesPerLine; phone++) {
      const { sip } = await person.addSoftphone(`Phone ${phone}`);
      phones.push((await SippDevice.register(server, sip)).port);
    }
    lines.push({ called: C_NUMBER, dialled: number(index), phones });
  }
  return {
    name: 'Ringthrough',
    sipPort: server.sipPort,
    lines,
    processorSeconds: () => processorSeconds([server.process.child.pid ?? 0]),
    restart: () => server.restart(),
    stop: () => server.stop(),
  };
}

/** Workers for UDP: one was the best of 1, 2 and 4 here. Of several, a 200 may overtake its 180, which SIPp counts as a failure. */
const kamailioWorkers = 1;

export const hasKamailio = (): boolean => spawnSync('kamailio', ['-v']).status === 0;

/** Kamailio as a proxy that keeps the state of calls (tm, dialog, rr) and looks devices up (usrloc), no database. */
export async function kamailioTarget({ lines: count, phonesPerLine }: LinesWanted): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'kamailio-'));
  const sipPort = await freePort();
  const config = join(folder, 'kamailio.cfg');
  writeFileSync(config, kamailioConfig({ port: sipPort, workers: kamailioWorkers }));
  const lines: Line[] = [];
  for (let index = 0; index < count; index++) {
    const phones = await Promise.all(Array.from({ length: phonesPerLine }, freePort));
    lines.push({ called: number(index), dialled: number(index), phones });
  }
  const pidFile = join(folder, 'pid');
  const launch = async () => {
    const [command, args] = pinned(SERVER_PROCESSOR, [
      ...['kamailio', '-f', config, '-DD', '-E', '-P', pidFile, '-Y', folder, '-w', folder],
      ...['-m', '1024', '-M', '16'],
    ]);
    const process = new Process(command, args);
    await until(
      async () => {
        if (!process.running) throw new Error('Kamailio ended');
        return registerAt(sipPort, lines).catch(() => undefined);
      },
      { describe: () => process.output.slice(-2000) },
    );
    return process;
  };
  let process = await launch();
  return {
    name: 'Kamailio',
    sipPort,
    lines,
    processorSeconds: () => processorSeconds([process.child.pid ?? 0, ...childrenOf(process.child.pid ?? 0)]),
    restart: async () => {
      await process.stop();
      process = await launch();
    },
    stop: async () => {
      await process.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}
