import { cpus } from 'node:os';
import { Person } from '../../interop/support/person.ts';
import { Ringthrough } from '../../interop/support/ringthrough.ts';
import { device, expect, Sipp, trunk } from '../../interop/support/sipp.ts';
import { SippDevice } from '../../interop/support/sipp-device.ts';
import { searchHighest } from '../search.ts';
import { percentile, rounded } from '../statistics.ts';

const NUMBER = '+14155550101';
const SECONDS_PER_STEP = 8;
const FIRST_RATE = 100;
/** Beyond the arrival of the last call, a step may take so long until every call is over. */
const PATIENCE_SECONDS = 30;
/** The server has one processor, both SIPps share the other. */
const [SERVER_PROCESSOR, SIPP_PROCESSOR] = cpus().length > 1 ? [0, 1] : [undefined, undefined];

interface Step {
  failed: number;
  succeeded: number;
  setupMs: number[];
  /** Whole run, first INVITE to the last BYE. */
  seconds: number;
}

/**
 * Full calls from a trunk to one registered UDP device, SIPp on both ends: INVITE with SDP and Diversion, 180, 200,
 * ACK, BYE. The figure is the highest rate at which none fails and the server keeps up.
 */
export async function measureCalls(): Promise<void> {
  const server = await Ringthrough.start({
    config: {
      calls: { maxConcurrent: 10_000, maxConcurrentPerAccount: 10_000 },
      media: { rtpPorts: { min: 20_000, max: 31_999 } },
      sip: { limits: { maxServerTransactions: 200_000 } },
    },
    ...(SERVER_PROCESSOR === undefined ? {} : { processor: SERVER_PROCESSOR }),
  });
  try {
    const [person] = await Person.signUp(server, NUMBER);
    const phone = await SippDevice.register(server, (await person.addSoftphone()).sip);
    const carries = async (rate: number) => {
      const good = keepsUp(rate, await run(server, phone, rate));
      if (!good) await afresh(server, phone);
      return good;
    };
    const best = await searchHighest(FIRST_RATE, { grain: 10, carries });
    console.log(`calls per second without a failure   ${best}`);
    await afresh(server, phone);
    const relaxed = await run(server, phone, Math.max(1, Math.round(best * 0.7)));
    console.log(`setup at 70 % of it, INVITE to 200 at the trunk   ${setupOf(relaxed)}`);
  } finally {
    await server.stop();
  }
}

/** What too much has left behind is not the next step's fault. The registration is durable, the warm-up is not. */
async function afresh(server: Ringthrough, phone: SippDevice): Promise<void> {
  await server.restart();
  await run(server, phone, FIRST_RATE);
}

function keepsUp(rate: number, step: Step): boolean {
  // The last call begins one period before the end; what takes much longer has queued up.
  const carried = step.succeeded / step.seconds;
  const good = step.failed === 0 && carried > rate * 0.85;
  console.log(
    `  ${rate}/s: ${step.succeeded} succeeded, ${step.failed} failed, ${rounded(carried)}/s carried, setup ${setupOf(step)}${good ? '' : ' — too much'}`,
  );
  return good;
}

/** SIPp's clock has steps of 4 ms on most kernels, which the mean evens out. */
function setupOf({ setupMs }: Step): string {
  const mean = setupMs.reduce((sum, ms) => sum + ms, 0) / setupMs.length;
  return `mean ${rounded(mean)} ms, p50 ${rounded(percentile(setupMs, 0.5))} ms, p99 ${rounded(percentile(setupMs, 0.99))} ms`;
}

async function run(server: Ringthrough, phone: SippDevice, rate: number): Promise<Step> {
  const calls = rate * SECONDS_PER_STEP;
  const bound = SIPP_PROCESSOR === undefined ? {} : { processor: SIPP_PROCESSOR };
  const callee = phone.play(
    [
      expect.request('INVITE'),
      device.reply('180 Ringing'),
      device.reply('200 OK', { body: true }),
      expect.request('ACK'),
      expect.request('BYE'),
      device.replyPlain('200 OK'),
    ],
    {},
    { calls, rate: 0, ...bound },
  );
  const begun = performance.now();
  const caller = new Sipp({
    remotePort: server.sipPort,
    localPort: server.trunkPort,
    calls,
    rate,
    ...bound,
    steps: [
      trunk.invite([`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable`], { measured: true }),
      expect.response(100, { optional: true }),
      expect.response(180),
      expect.response(200, { measured: true }),
      trunk.ack(),
      trunk.bye(),
      expect.response(200),
    ],
  });
  try {
    await caller.process.exited((SECONDS_PER_STEP + PATIENCE_SECONDS) * 1000);
    const seconds = (performance.now() - begun) / 1000;
    return { ...caller.counts, setupMs: caller.responseTimesMs, seconds };
  } finally {
    await caller.stop();
    await callee.stop();
  }
}
