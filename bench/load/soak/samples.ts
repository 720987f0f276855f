import { readdirSync, readFileSync } from 'node:fs';
import type { Ringthrough } from '../../../interop/support/ringthrough.ts';

/** What is watched, and how much the trend may grow over the measured time: a share of the middle value, and so much besides. */
export const bounds = {
  'resident memory, MiB': { share: 0.1, besides: 8 },
  'heap after collections, MiB': { share: 0.1, besides: 4 },
  'memory outside the heap, MiB': { share: 0.1, besides: 4 },
  'open files and sockets': { share: 0.05, besides: 5 },
  'active handles': { share: 0.05, besides: 5 },
  'server transactions': { share: 0.1, besides: 20 },
  'client transactions': { share: 0.1, besides: 20 },
  dialogs: { share: 0.1, besides: 20 },
  'SIP timers': { share: 0.1, besides: 50 },
  connections: { share: 0.1, besides: 5 },
  'media legs': { share: 0.1, besides: 20 },
} as const;

export type Watched = keyof typeof bounds;
export interface Sample extends Record<Watched, number> {
  seconds: number;
}

const MiB = 2 ** 20;

/** One look at the server: /metrics and /proc. */
export async function sample(server: Ringthrough, begun: number): Promise<Sample> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const metric = (name: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`/metrics has no ${name}`);
    return Number(line.slice(name.length + 1));
  };
  const pid = server.process.child.pid;
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    seconds: (performance.now() - begun) / 1000,
    'resident memory, MiB': Number(resident) / 1024,
    'heap after collections, MiB': metric('nodejs_heap_size_used_bytes') / MiB,
    'memory outside the heap, MiB': metric('nodejs_external_memory_bytes') / MiB,
    'open files and sockets': readdirSync(`/proc/${pid}/fd`).length,
    'active handles': metric('nodejs_active_handles_total'),
    'server transactions': metric('ringthrough_sip_server_transactions'),
    'client transactions': metric('ringthrough_sip_client_transactions'),
    dialogs: metric('ringthrough_sip_dialogs'),
    'SIP timers': metric('ringthrough_sip_timers'),
    connections: metric('ringthrough_sip_flows'),
    'media legs': metric('ringthrough_media_legs'),
  };
}

/**
 * The samples with the heap's saw-tooth taken out: the least value of each run of six. What garbage is there between
 * two collections says nothing.
 */
export function envelope(values: readonly number[], width = 6): number[] {
  const least: number[] = [];
  for (let at = 0; at < values.length; at += width) least.push(Math.min(...values.slice(at, at + width)));
  return least;
}

/** Slope per step by Theil and Sen: the middle of the slopes of all pairs, which single peaks do not move. */
export function slope(values: readonly number[]): number {
  const slopes: number[] = [];
  for (let a = 0; a < values.length; a++)
    for (let b = a + 1; b < values.length; b++) slopes.push(((values[b] ?? 0) - (values[a] ?? 0)) / (b - a));
  return median(slopes);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export interface Verdict {
  name: Watched;
  middle: number;
  /** What the trend adds over the measured time. */
  growth: number;
  allowed: number;
  flat: boolean;
}

/** Whether each watched number stays flat over these samples. */
export function judge(samples: readonly Sample[]): Verdict[] {
  return (Object.keys(bounds) as Watched[]).map((name) => {
    const all = samples.map((one) => one[name]);
    const values = name === 'heap after collections, MiB' ? envelope(all) : all;
    const middle = median(values);
    const growth = slope(values) * (values.length - 1);
    const allowed = middle * bounds[name].share + bounds[name].besides;
    return { name, middle, growth, allowed, flat: growth <= allowed };
  });
}
