import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** What is measured has one processor for itself, everything that loads it the other, where there are two. */
export const SERVER_PROCESSOR: number | undefined = cpus().length > 1 ? 0 : undefined;
export const LOAD_PROCESSOR: number | undefined = cpus().length > 1 ? 1 : undefined;

/** `command` bound to a processor. */
export function pinned(processor: number | undefined, command: string[]): [command: string, args: string[]] {
  const [first = '', ...args] =
    processor === undefined ? command : ['taskset', '-c', String(processor), ...command];
  return [first, args];
}

/** Clock ticks per second of /proc: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Seconds of a processor that these processes have used, all threads, user and system. */
export function processorSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + secondsOf(pid), 0);
}

function secondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold anything; fields 14 and 15 are the 12th and 13th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
