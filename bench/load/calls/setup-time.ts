import { percentile, rounded } from '../../statistics.ts';
import { captured, type Packet } from './capture.ts';
import { runRate } from './rate.ts';
import type { Target } from './targets.ts';

/** Milliseconds that each call spent inside of the target. */
export interface SetupTimes {
  /** INVITE in to INVITE out. */
  inviteMs: number[];
  /** 200 of the device in to 200 to the trunk out. */
  answerMs: number[];
}

/** What the target adds to the setup of calls at this rate, from the packets on its socket. */
export async function measureSetup(target: Target, rate: number, seconds: number): Promise<SetupTimes> {
  const packets = await captured(target.sipPort, async () => {
    await runRate(target, rate, seconds);
  });
  return setupTimes(packets, target.sipPort);
}

/** Calls are told apart by the number of the caller, which is the same on both sides. */
export function setupTimes(packets: readonly Packet[], port: number): SetupTimes {
  const inviteMs: number[] = [];
  const answerMs: number[] = [];
  const invited = new Map<string, number>();
  const answered = new Map<string, number>();
  for (const { timeMs, to, text } of packets) {
    const invite = text.startsWith('INVITE ');
    if (!invite && !(text.startsWith('SIP/2.0 200') && /^CSeq: *\d+ INVITE/im.test(text))) continue;
    const caller = /^From:[^\r]*sips?:([^@;>\r]+)@/im.exec(text)?.[1] ?? '';
    const begun = invite ? invited : answered;
    const times = invite ? inviteMs : answerMs;
    // A repetition counts for nothing: the first one in, the first one out.
    if (to === port) {
      if (!begun.has(caller)) begun.set(caller, timeMs);
      continue;
    }
    const since = begun.get(caller) ?? Number.NaN;
    if (Number.isNaN(since)) continue;
    times.push(timeMs - since);
    begun.set(caller, Number.NaN);
  }
  return { inviteMs, answerMs };
}

export function shownTimes(times: readonly number[]): string {
  const at = (share: number) => rounded(percentile(times, share), 2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (${times.length} calls)`;
}
