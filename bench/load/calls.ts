import { searchHighest } from '../search.ts';
import { rounded } from '../statistics.ts';
import { hasCapture } from './calls/capture.ts';
import { overload } from './calls/overload.ts';
import { runRate, type Step } from './calls/rate.ts';
import { measureSetup, shownTimes } from './calls/setup-time.ts';
import { hasKamailio, kamailioTarget, productTarget, type Target } from './calls/targets.ts';

/** Each has a SIPp of its own for each end: one saturates near 1000 calls per second. */
const LINES = 2;
const SECONDS_PER_STEP = 4;
const GRAIN = 20;

interface Peak {
  perSecond: number;
  /** The step at that rate. */
  step: Step;
}

/**
 * Full calls from a trunk to registered UDP devices, SIPp on both ends: INVITE with SDP and Diversion, 180, 200, ACK,
 * BYE. Kamailio as a proxy carries the same calls on the same processor.
 */
export async function measureCalls(): Promise<void> {
  const lines = { lines: LINES, phonesPerLine: 1 };
  const beside = hasKamailio() ? await measured(() => kamailioTarget(lines), 600, besideUs) : undefined;
  if (!beside) console.log("Kamailio is not here; for the comparison install Debian's package kamailio.");
  const own = await measured(() => productTarget(lines), 200, alone);
  if (beside) compare(own, beside);
  const forked = await measured(
    () => productTarget({ ...lines, phonesPerLine: 5 }),
    100,
    async () => undefined,
  );
  const share = forked.perSecond / own.perSecond;
  console.log(`five devices, four of them cancelled: ${forked.perSecond}/s, ${percent(share)} of one device`);
}

async function measured(
  start: () => Promise<Target>,
  firstRate: number,
  more: (target: Target, peak: Peak) => Promise<void>,
): Promise<Peak> {
  const target = await start();
  try {
    const peak = await searchPeak(target, firstRate);
    const { processorMsPerCall, busy } = peak.step;
    console.log(
      `${target.name}: ${peak.perSecond} calls per second without a failure, ${rounded(processorMsPerCall, 2)} ms of the processor each${busy < 0.85 ? `; it was busy for ${percent(busy)}, so the generator was the limit` : ''}`,
    );
    await more(target, peak);
    return peak;
  } finally {
    await target.stop();
  }
}

async function searchPeak(target: Target, firstRate: number): Promise<Peak> {
  const steps = new Map<number, Step>();
  await warmUp(target);
  const carries = async (rate: number) => {
    const step = await runRate(target, rate, SECONDS_PER_STEP);
    const good = keepsUp(rate, step);
    if (good) steps.set(rate, step);
    else await afresh(target);
    return good;
  };
  const perSecond = await searchHighest(firstRate, { grain: GRAIN, carries });
  const step = steps.get(perSecond);
  if (!step) throw new Error(`${target.name} carries not even ${firstRate} calls per second`);
  return { perSecond, step };
}

/** What too much has left behind is not the next step's fault. The registration is durable, the warm-up is not. */
async function afresh(target: Target): Promise<void> {
  await target.restart();
  await warmUp(target);
}

/** Programs that compile while they run are slow at first. */
async function warmUp(target: Target): Promise<void> {
  await runRate(target, 50, 2);
  await runRate(target, 200, 5);
}

function keepsUp(rate: number, step: Step): boolean {
  // The last call begins one period before the end; what takes much longer has queued up.
  const carried = step.succeeded / step.seconds;
  const good = step.failed === 0 && carried > rate * 0.85;
  console.log(
    `  ${rate}/s: ${step.succeeded} succeeded, ${step.failed} failed, ${rounded(carried)}/s carried, ${rounded(step.processorMsPerCall, 2)} ms of the processor each, busy ${percent(step.busy)}${good ? '' : ' — too much'}`,
  );
  return good;
}

async function besideUs(target: Target, { perSecond }: Peak): Promise<void> {
  await setupAt(target, Math.round(perSecond * 0.7));
}

async function alone(target: Target, { perSecond }: Peak): Promise<void> {
  await afresh(target);
  await setupAt(target, Math.round(perSecond * 0.7));
  const offered = 2 * perSecond;
  const result = await overload(target, {
    perSecond: offered,
    seconds: 15,
    relaxedPerSecond: perSecond / 2,
    relaxedSeconds: 8,
  });
  console.log(
    `overload, ${offered}/s offered: ${rounded(result.carriedPerSecond, 0)}/s carried (${percent(result.carriedPerSecond / perSecond)} of the peak), ${rounded(result.refusedPerSecond, 0)}/s refused with 503, ${result.failed} failed otherwise; all carried again after ${rounded(result.recoverySeconds)} s`,
  );
}

async function setupAt(target: Target, rate: number): Promise<void> {
  if (!hasCapture()) {
    console.log("Setup times need dumpcap: install Debian's package tshark.");
    return;
  }
  const { inviteMs, answerMs } = await measureSetup(target, rate, 8);
  console.log(`added to the setup at ${rate}/s, 70 % of the peak:`);
  console.log(`  INVITE in to INVITE out   ${shownTimes(inviteMs)}`);
  console.log(`  200 in to 200 out         ${shownTimes(answerMs)}`);
}

function compare(own: Peak, beside: Peak): void {
  const rates = percent(own.perSecond / beside.perSecond);
  const time = percent(beside.step.processorMsPerCall / own.step.processorMsPerCall);
  console.log(`beside Kamailio: ${rates} of its calls per second; by processor time per call ${time}`);
}

const percent = (share: number): string => `${rounded(share * 100, 0)} %`;
