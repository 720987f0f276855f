import { answering, patientCaller } from './scenarios.ts';
import { SippLoad } from './sipp-load.ts';
import type { Target } from './targets.ts';

export interface OverloadResult {
  /** Calls that came to their regular end, per second, while too many were offered. */
  carriedPerSecond: number;
  refusedPerSecond: number;
  /** Neither carried nor refused. */
  failed: number;
  /** From the fall of the load to the last call that was not carried; 0 when all were. */
  recoverySeconds: number;
}

export interface OverloadOptions {
  perSecond: number;
  seconds: number;
  /** Afterwards. */
  relaxedPerSecond: number;
  relaxedSeconds: number;
}

/** The first seconds of the overload, and what is still under way at its end, do not count for what was carried. */
const settleSeconds = 3;
const patienceMs = 60_000;

/** Offers too much, then little, without a pause in between. */
export async function overload(target: Target, options: OverloadOptions): Promise<OverloadResult> {
  const { perSecond, seconds, relaxedPerSecond, relaxedSeconds } = options;
  const phones: SippLoad[] = [];
  const callers: SippLoad[] = [];
  const relaxed: SippLoad[] = [];
  const call = (rate: number, during: number) =>
    target.lines.map(({ called, dialled }, index) =>
      SippLoad.start({
        steps: patientCaller,
        remotePort: target.sipPort,
        calls: Math.round((rate * during) / target.lines.length),
        rate: rate / target.lines.length,
        keys: { caller: `+1212${10 + index}`, called, dialled },
      }),
    );
  try {
    for (const { phones: ports } of target.lines) {
      for (const localPort of ports) {
        phones.push(await SippLoad.start({ steps: answering, remotePort: target.sipPort, localPort }));
      }
    }
    const begunMs = Date.now();
    callers.push(...(await Promise.all(call(perSecond, seconds))));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const fallMs = Date.now();
    relaxed.push(...(await Promise.all(call(relaxedPerSecond, relaxedSeconds))));
    await Promise.all(relaxed.map((sipp) => sipp.ended(relaxedSeconds * 1000 + patienceMs)));
    await Promise.all(callers.map((sipp) => sipp.ended(patienceMs)));
    const [fromMs, toMs] = [begunMs + settleSeconds * 1000, fallMs];
    const refused = growth(callers, fromMs, toMs, ({ counted }) => counted);
    const ended = growth(callers, fromMs, toMs, ({ succeeded }) => succeeded);
    return {
      carriedPerSecond: ended - refused,
      refusedPerSecond: refused,
      failed: [...callers, ...relaxed].reduce((sum, sipp) => sum + sipp.counts.failed, 0),
      recoverySeconds: lastTrouble(relaxed, fallMs),
    };
  } finally {
    for (const sipp of [...callers, ...relaxed, ...phones]) await sipp.stop();
  }
}

type Count = (counts: SippLoad['counts']) => number;

/** Per second, all together, between these times. */
function growth(sipps: readonly SippLoad[], fromMs: number, toMs: number, count: Count): number {
  return sipps.reduce((sum, { history }) => {
    const within = history.filter(({ unixMs }) => unixMs >= fromMs && unixMs <= toMs);
    const [first, last] = [within[0], within.at(-1)];
    if (!first || !last || first === last) return sum;
    return sum + ((count(last.counts) - count(first.counts)) * 1000) / (last.unixMs - first.unixMs);
  }, 0);
}

function lastTrouble(sipps: readonly SippLoad[], sinceMs: number): number {
  let lastMs = sinceMs;
  for (const { history } of sipps) {
    let before = 0;
    for (const { unixMs, counts } of history) {
      const trouble = counts.failed + counts.counted;
      if (trouble > before) lastMs = Math.max(lastMs, unixMs);
      before = trouble;
    }
  }
  return (lastMs - sinceMs) / 1000;
}
