import { cpus } from 'node:os';
import { Person } from '../../interop/support/person.ts';
import { freeRange } from '../../interop/support/ports.ts';
import { until } from '../../interop/support/process.ts';
import { Ringthrough } from '../../interop/support/ringthrough.ts';
import { Sipp } from '../../interop/support/sipp.ts';
import { SippDevice } from '../../interop/support/sipp-device.ts';
import { rounded } from '../statistics.ts';
import { Clients, callerSteps, deviceSteps } from './soak/load.ts';
import { judge, type Sample, sample, type Verdict } from './soak/samples.ts';

const NUMBERS = ['+14155550101', '+14155550102', '+14155550103'] as const;
const MINUTES = Number(process.env.RINGTHROUGH_SOAK_MINUTES ?? 30);
const CALLS_PER_SECOND = Number(process.env.RINGTHROUGH_SOAK_CALLS_PER_SECOND ?? 50);
const SAMPLE_MS = 10_000;
/** Caches, compiled code, and the timers of 32 s have found their level by then. */
const WARM_UP = 0.25;
const [SERVER_PROCESSOR, SIPP_PROCESSOR] = cpus().length > 1 ? [0, 1] : [undefined, undefined];

/**
 * Half an hour of calls of several outcomes, refreshed registrations, and WebSockets that come and go. Memory, handles
 * and everything that the stack counts must stay flat after the warm-up, and be gone after the end.
 */
export async function measureSoak(): Promise<void> {
  const ports = await freeRange(4_000);
  const server = await Ringthrough.start({
    config: {
      calls: { maxConcurrent: 2_000, maxConcurrentPerAccount: 2_000 },
      media: { rtpPorts: { min: ports, max: ports + 3_999 } },
      validation: { sendsPerAddressPerHour: 100 },
    },
    ...(SERVER_PROCESSOR === undefined ? {} : { processor: SERVER_PROCESSOR }),
  });
  try {
    const verdicts = await soak(server);
    for (const { name, middle, growth, allowed, flat } of verdicts) {
      const figures = `middle ${rounded(middle)}, trend ${growth >= 0 ? '+' : ''}${rounded(growth)} (allowed +${rounded(allowed)})`;
      console.log(`${flat ? 'flat ' : 'GROWS'} ${name.padEnd(28)} ${figures}`);
    }
    const grows = verdicts.filter(({ flat }) => !flat);
    if (grows.length > 0) {
      process.exitCode = 1;
      console.log(`NOT flat: ${grows.map(({ name }) => name).join(', ')}`);
    }
  } finally {
    await server.stop();
  }
}

async function soak(server: Ringthrough): Promise<Verdict[]> {
  const [called, telephones, pages] = await Promise.all(
    NUMBERS.map(async (number) => (await Person.signUp(server, number))[0]),
  );
  if (!called || !telephones || !pages) throw new Error('nobody signed up');
  const softphones = async (person: Person, count: number) => {
    const all = [];
    for (let n = 0; n < count; n++) all.push((await person.addSoftphone(`Soak ${n}`)).sip);
    return all;
  };
  const phone = await SippDevice.register(server, (await called.addSoftphone()).sip);
  const clients = await Clients.start(server, await softphones(telephones, 10), await softphones(pages, 15), {
    refreshes: 10,
    connections: 1,
  });
  const calls = CALLS_PER_SECOND * MINUTES * 60;
  const bound = SIPP_PROCESSOR === undefined ? {} : { processor: SIPP_PROCESSOR };
  // What it counts includes strays: it is stopped when the calls are over.
  const callee = phone.play(deviceSteps, {}, { calls: calls * 2, rate: 0, ...bound });
  const caller = new Sipp({
    remotePort: server.sipPort,
    localPort: server.trunkPort,
    calls,
    rate: CALLS_PER_SECOND,
    steps: callerSteps(NUMBERS[0]),
    ...bound,
  });
  try {
    const samples = await watch(server, caller, clients);
    const { succeeded, failed } = caller.counts;
    console.log(
      `${succeeded} calls succeeded, ${failed} failed; ${clients.counts.refreshed} refreshes, ` +
        `${clients.counts.connected} WebSockets registered, ${clients.counts.failed} failures of theirs`,
    );
    await clients.stop();
    if (succeeded + failed < calls) {
      const { exitCode, signalCode } = caller.process.child;
      throw new Error(`SIPp ended early (${signalCode ?? exitCode}): ${caller.process.output.slice(-500)}`);
    }
    console.log(await outcomes(called));
    await untilEmpty(server);
    return judge(samples.filter(({ seconds }) => seconds > MINUTES * 60 * WARM_UP && seconds < MINUTES * 60));
  } finally {
    await clients.stop();
    await caller.stop();
    await callee.stop();
  }
}

/** What became of the last calls: answered, missed, a voice message. */
async function outcomes(person: Person): Promise<string> {
  const counts = new Map<string, number>();
  for (const { outcome } of await person.call<Array<{ outcome: string }>>('GET', '/api/calls'))
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return `the last calls: ${[...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`;
}

/** Samples until the last call is over; says one a minute. */
async function watch(server: Ringthrough, caller: Sipp, clients: Clients): Promise<Sample[]> {
  const begun = performance.now();
  const deadline = (MINUTES * 60 + 90) * 1_000;
  const samples: Sample[] = [];
  for (let next = begun + SAMPLE_MS; caller.process.running; next += SAMPLE_MS) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    if (performance.now() - begun > deadline) break;
    const one = await sample(server, begun);
    samples.push(one);
    if (samples.length % 6 === 0) {
      const values = Object.entries(one).map(([name, value]) => `${name} ${rounded(value)}`);
      console.log(`  ${values.join(' · ')} · pages ${clients.open}`);
    }
  }
  return samples;
}

/** RFC 3261 timers run out 32 s after the last message; then nothing may be left. */
async function untilEmpty(server: Ringthrough): Promise<void> {
  const names = [
    'ringthrough_calls_active',
    'ringthrough_media_legs',
    'ringthrough_sip_dialogs',
    'ringthrough_sip_server_transactions',
    'ringthrough_sip_client_transactions',
    'ringthrough_sip_timers',
    'ringthrough_sip_flows',
  ];
  let left = '';
  await until(
    async () => {
      const values = await Promise.all(
        names.map(async (name) => `${name.replace('ringthrough_', '')} ${await server.gauge(name)}`),
      );
      left = values.filter((value) => !value.endsWith(' 0')).join(', ');
      return left === '' ? true : undefined;
    },
    { timeoutMs: 120_000, describe: () => `left over after the end: ${left}` },
  );
  console.log('after the end: no call, leg, dialog, transaction, timer or connection is left');
}
