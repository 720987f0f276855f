import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../interop/support/ports.ts';
import { Process } from '../../../interop/support/process.ts';
import type { Step } from '../../../interop/support/sipp.ts';
import { LOAD_PROCESSOR, pinned } from './processors.ts';

export interface SippLoadOptions {
  steps: readonly Step[];
  remotePort: number;
  /** Default: a free one. */
  localPort?: number;
  /** Then it ends; absent: never. */
  calls?: number;
  /** Calls begun per second; absent for the side that is called. */
  rate?: number;
  keys?: Record<string, string>;
}

export interface SippCounts {
  succeeded: number;
  failed: number;
  retransmissions: number;
  /** Of the scenario's counter, where it has one. */
  counted: number;
}

/** SIPp as a generator of load: nothing is kept but counts. */
export class SippLoad {
  readonly #folder: string;
  readonly #process: Process;
  readonly #statistics: string;

  private constructor(folder: string, process: Process) {
    this.#folder = folder;
    this.#process = process;
    this.#statistics = join(folder, 'statistics.csv');
  }

  static async start(options: SippLoadOptions): Promise<SippLoad> {
    const folder = mkdtempSync(join(tmpdir(), 'sipp-load-'));
    const scenario = join(folder, 'scenario.xml');
    writeFileSync(
      scenario,
      `<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="load">\n${options.steps.join('\n')}\n</scenario>\n`,
    );
    const keys = { caller: '+121210', called: '+14155559000', dialled: '+14155550101', ...options.keys };
    const [command, args] = pinned(LOAD_PROCESSOR, [
      'sipp',
      ...['-sf', scenario, '-i', '127.0.0.1', '-mi', '127.0.0.1', '-nostdin', '-buff_size', '4000000'],
      ...['-p', String(options.localPort ?? (await freePort())), '-l', '100000'],
      ...(options.calls === undefined ? [] : ['-m', String(options.calls)]),
      ...(options.rate === undefined ? [] : ['-r', String(options.rate)]),
      ...['-trace_stat', '-stf', join(folder, 'statistics.csv'), '-fd', '1', '-deadcall_wait', '0'],
      ...Object.entries(keys).flatMap(([key, value]) => ['-key', key, value]),
      `127.0.0.1:${options.remotePort}`,
    ]);
    return new SippLoad(folder, new Process(command, args, { cwd: folder }));
  }

  /** Resolves when all its calls are over. @throws when they are not in time */
  async ended(timeoutMs: number): Promise<void> {
    await this.#process.exited(timeoutMs);
  }

  /** So far; up to a second old while it runs. */
  get counts(): SippCounts {
    return this.history.at(-1)?.counts ?? { succeeded: 0, failed: 0, retransmissions: 0, counted: 0 };
  }

  /** The counts as they were about every second. */
  get history(): Array<{ unixMs: number; counts: SippCounts }> {
    if (!existsSync(this.#statistics)) return [];
    const [head = '', ...lines] = readFileSync(this.#statistics, 'utf8').trim().split('\n');
    const names = head.split(';');
    const at = (test: (name: string) => boolean) => names.findIndex(test);
    const time = at((name) => name === 'CurrentTime');
    const columns = {
      succeeded: at((name) => name === 'SuccessfulCall(C)'),
      failed: at((name) => name === 'FailedCall(C)'),
      retransmissions: at((name) => name === 'Retransmissions(C)'),
      counted: at((name) => name === 'refused(C)'),
    };
    return lines.map((line) => {
      const values = line.split(';');
      const value = (column: number) => Number(values[column] ?? 0);
      return {
        // Date, time and unix time, with tabs between.
        unixMs: Number(values[time]?.split('\t')[2]) * 1000,
        counts: {
          succeeded: value(columns.succeeded),
          failed: value(columns.failed),
          retransmissions: value(columns.retransmissions),
          counted: columns.counted < 0 ? 0 : value(columns.counted),
        },
      };
    });
  }

  async stop(): Promise<void> {
    await this.#process.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
