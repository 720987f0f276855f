import { answering, caller, cancelled } from './scenarios.ts';
import { type SippCounts, SippLoad } from './sipp-load.ts';
import type { Target } from './targets.ts';

/** What became of calls at one rate. */
export interface Step extends Pick<SippCounts, 'succeeded' | 'failed' | 'retransmissions'> {
  /** Whole run, first INVITE to the last BYE. */
  seconds: number;
  /** Of the target, per call. */
  processorMsPerCall: number;
  /** Share of one processor. */
  busy: number;
}

/** Beyond the arrival of the last call, a step may take so long until every call is over. */
const patienceSeconds = 10;

/** Calls at one rate, spread over the lines of the target: a SIPp for each line and each phone. */
export async function runRate(target: Target, rate: number, seconds: number): Promise<Step> {
  const { lines, sipPort } = target;
  const each = rate / lines.length;
  const calls = Math.round(each * seconds);
  const sipps: SippLoad[] = [];
  try {
    for (const { phones } of lines) {
      for (const [index, localPort] of phones.entries()) {
        // One answers; the others ring until they are told that it did.
        const steps = index === 0 ? answering : cancelled;
        sipps.push(await SippLoad.start({ steps, remotePort: sipPort, localPort }));
      }
    }
    const usedBefore = target.processorSeconds();
    const begun = performance.now();
    const callers: SippLoad[] = [];
    for (const [index, { called, dialled }] of lines.entries()) {
      // With the number of the call behind it, a number that no other call has.
      const keys = { caller: `+1212${10 + index}`, called, dialled };
      callers.push(await SippLoad.start({ steps: caller, remotePort: sipPort, calls, rate: each, keys }));
    }
    sipps.push(...callers);
    const deadline = (seconds + patienceSeconds) * 1000;
    await Promise.all(callers.map((sipp) => sipp.ended(deadline).catch(() => undefined)));
    const used = target.processorSeconds() - usedBefore;
    const took = (performance.now() - begun) / 1000;
    const sum = (of: (counts: SippCounts) => number) =>
      callers.reduce((total, sipp) => total + of(sipp.counts), 0);
    const succeeded = sum((counts) => counts.succeeded);
    return {
      succeeded,
      // Also those that have not come to an end.
      failed: calls * lines.length - succeeded,
      retransmissions: sum((counts) => counts.retransmissions),
      seconds: took,
      processorMsPerCall: (used * 1000) / succeeded,
      busy: used / took,
    };
  } finally {
    for (const sipp of sipps) await sipp.stop();
  }
}
