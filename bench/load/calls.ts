import { Person } from '../../interop/support/person.ts';
import { Ringthrough } from '../../interop/support/ringthrough.ts';
import { device, expect, Sipp, trunk } from '../../interop/support/sipp.ts';
import { SippDevice } from '../../interop/support/sipp-device.ts';
import { percentile, rounded } from '../statistics.ts';

const NUMBER = '+14155550101';
const SECONDS_PER_STEP = 10;
/** The server has one processor, both SIPps share the other. */
const [SERVER_PROCESSOR, SIPP_PROCESSOR] = [0, 1];

interface Step {
  failed: number;
  succeeded: number;
  setupMs: number[];
  /** Whole run, begun calls to the last BYE. */
  seconds: number;
}

/**
 * Full calls from a trunk to one registered UDP device, SIPp on both ends: INVITE with SDP and Diversion, 180, 200,
 * ACK, BYE. The rate rises until a call fails; the figure is the last rate without a failure.
 */
export async function measureCalls(): Promise<void> {
  const server = await Ringthrough.start({
    config: {
      calls: { maxConcurrent: 5000 },
      media: { rtpPorts: { min: 30_000, max: 49_999 } },
    },
    processor: SERVER_PROCESSOR,
  });
  try {
    const [person] = await Person.signUp(server, NUMBER);
    const phone = await SippDevice.register(server, (await person.addSoftphone()).sip);
    const best = await climb(server, phone);
    const relaxed = await run(server, phone, Math.max(1, Math.round(best * 0.7)));
    console.log(`calls per second without a failure   ${best}`);
    console.log(
      `setup (INVITE → 200 at the trunk) at 70 %  p50 ${rounded(percentile(relaxed.setupMs, 0.5))} ms, p99 ${rounded(percentile(relaxed.setupMs, 0.99))} ms`,
    );
  } finally {
    await server.stop();
  }
}

async function climb(server: Ringthrough, phone: SippDevice): Promise<number> {
  let best = 0;
  for (let rate = 25; ; rate = Math.ceil((rate * 1.25) / 5) * 5) {
    const step = await run(server, phone, rate);
    const carried = step.succeeded / step.seconds;
    console.log(
      `  ${rate}/s: ${step.succeeded} succeeded, ${step.failed} failed, ${rounded(carried)}/s carried, setup p50 ${rounded(percentile(step.setupMs, 0.5))} ms, p99 ${rounded(percentile(step.setupMs, 0.99))} ms`,
    );
    if (step.failed > 0 || carried < rate * 0.8) return best;
    best = rate;
  }
}

async function run(server: Ringthrough, phone: SippDevice, rate: number): Promise<Step> {
  const calls = rate * SECONDS_PER_STEP;
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
    { calls, rate: 0, processor: SIPP_PROCESSOR },
  );
  const begun = performance.now();
  const caller = new Sipp({
    remotePort: server.sipPort,
    localPort: server.trunkPort,
    calls,
    rate,
    processor: SIPP_PROCESSOR,
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
    await caller.process.exited((SECONDS_PER_STEP + 60) * 1000);
    const seconds = (performance.now() - begun) / 1000;
    return { ...caller.counts, setupMs: caller.responseTimesMs, seconds };
  } finally {
    await caller.stop();
    await callee.stop();
  }
}
