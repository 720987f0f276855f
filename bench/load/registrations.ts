import { readFileSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Ringthrough } from '../../interop/support/ringthrough.ts';
import { searchHighest } from '../search.ts';
import { rounded } from '../statistics.ts';
import { Subprocess } from '../subprocess.ts';
import type { GeneratorHandlers } from './registrations/generator-process.ts';
import { KamailioRegistrar } from './registrations/kamailio-registrar.ts';
import { seed, storedSequences } from './registrations/people.ts';
import { firstAnswer } from './registrations/probe.ts';
import type { RunResult } from './registrations/telephones.ts';

/** Softphones that refresh, over so many addresses. */
const DEVICES = 20_000;
const SOCKETS = 1_000;
/** Of a step; the shares of REGISTERs that begin without credentials, as a device does that was switched on. */
const SECONDS_PER_STEP = 10;
const FRESH = 0.02;
const FIRST_RATE = 4_000;
const BINDINGS = Number(process.env.BENCH_BINDINGS ?? 1_000_000);
const [SERVER_PROCESSOR, GENERATOR_PROCESSOR] = cpus().length > 1 ? [0, 1] : [undefined, undefined];
const PINNED = SERVER_PROCESSOR === undefined ? {} : { processor: SERVER_PROCESSOR };
/** As the product has it, except that Ringthrough.start turns the questions to softphones off. */
const CONFIG = { registration: { softphonePingSeconds: 15 }, sip: { guard: { maxUdpAnswerRatio: 1 } } };

/** Refreshes per second on one processor beside Kamailio; a million bindings: time to start, and memory. */
export async function measureRegistrations(): Promise<void> {
  const parts = (process.env.BENCH_PARTS ?? 'rate,kamailio,million').split(',');
  if (parts.includes('rate')) await measureRate();
  if (parts.includes('kamailio')) await measureKamailio();
  if (parts.includes('million')) await measureMillion();
}

async function measureRate(): Promise<void> {
  const server = await Ringthrough.start({ config: CONFIG, ...PINNED });
  const generator = startGenerator();
  try {
    await server.process.stop();
    seed(databaseOf(server), DEVICES);
    await server.restart();
    await open(generator, server.sipPort);
    const best = await searchRate(generator);
    console.log(`Ringthrough: authenticated refreshes per second without a failure   ${best}`);
    await measureDurability(server, generator, Math.round(best / 2));
  } finally {
    await generator.stop();
    await server.stop();
  }
}

async function measureKamailio(): Promise<void> {
  for (const mode of ['memory', 'write-through'] as const) {
    const kamailio = await KamailioRegistrar.start({ mode, devices: DEVICES, ...PINNED });
    if (kamailio === undefined) {
      console.log(`Kamailio, ${mode}: not measured, it is not installed`);
      continue;
    }
    const generator = startGenerator();
    try {
      await open(generator, kamailio.port);
      const best = await searchRate(generator, mode === 'memory' ? FIRST_RATE : 500);
      console.log(`Kamailio, ${mode}: authenticated refreshes per second without a failure   ${best}`);
    } finally {
      await generator.stop();
      await kamailio.stop();
    }
  }
}

/** In the middle of a run the process is killed: what was answered with 200 has to be in the database. */
async function measureDurability(
  server: Ringthrough,
  generator: Subprocess<GeneratorHandlers>,
  rate: number,
): Promise<void> {
  const running = generator.request('run', { rate, count: rate * 6, fresh: FRESH });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await server.kill();
  await running;
  const acknowledged = (await generator.request('acknowledged', undefined)) ?? new Map();
  const stored = storedSequences(databaseOf(server));
  let lost = 0;
  for (const [device, cseq] of acknowledged) if ((stored.get(device) ?? 0) < cseq) lost++;
  console.log(
    `killed at ${rate}/s: of ${acknowledged.size} devices with a 200, stored ${acknowledged.size - lost}, lost ${lost}`,
  );
  if (lost > 0) process.exitCode = 1;
}

async function measureMillion(): Promise<void> {
  const server = await Ringthrough.start({ config: CONFIG, ...PINNED });
  const generator = startGenerator();
  try {
    await server.process.stop();
    seed(databaseOf(server), BINDINGS, await generator.request('answer', undefined));
    const size = statSync(databaseOf(server)).size / 2 ** 20;
    const begun = performance.now();
    const restarted = server.restart();
    await firstAnswer(server.sipPort);
    const seconds = (performance.now() - begun) / 1000;
    await restarted;
    console.log(
      `start with ${BINDINGS} stored bindings (database ${Math.round(size)} MiB): ${rounded(seconds)} s to the first answer`,
    );
    console.log(`memory after the start   ${memoryOf(server)}`);
    await open(generator, server.sipPort);
    const result = await generator.request('run', { rate: 2_000, count: 40_000, fresh: 0 });
    console.log(`among them, 2000/s: ${describe(result)}`);
    console.log(`memory after that        ${memoryOf(server)}`);
  } finally {
    await generator.stop();
    await server.stop();
  }
}

function startGenerator(): Subprocess<GeneratorHandlers> {
  return new Subprocess(
    new URL('./registrations/generator-process.ts', import.meta.url),
    GENERATOR_PROCESSOR,
  );
}

/** Opens the softphones and registers each of them once; they have to prove who they are. */
async function open(generator: Subprocess<GeneratorHandlers>, port: number): Promise<void> {
  await generator.request('open', {
    server: { host: '127.0.0.1', port },
    devices: DEVICES,
    sockets: SOCKETS,
  });
  const result = await generator.request('run', { rate: 20_000, count: DEVICES, fresh: 0, most: 100 });
  if (result === undefined || result.failed > 0) throw new Error(`first registrations: ${describe(result)}`);
  console.log(`  first registrations, 100 at once: ${describe(result)}`);
}

async function searchRate(generator: Subprocess<GeneratorHandlers>, first = FIRST_RATE): Promise<number> {
  return searchHighest(first, {
    grain: 100,
    carries: async (rate) => {
      const result = await generator.request('run', { rate, count: rate * SECONDS_PER_STEP, fresh: FRESH });
      const good = result !== undefined && result.failed === 0 && keepsUp(rate, result);
      console.log(`  ${rate}/s: ${describe(result)}${good ? '' : ' — too much'}`);
      return good;
    },
  });
}

/** What takes longer than the plan has queued up. Datagrams that find a full socket are lost: some in a thousand may. */
function keepsUp(rate: number, result: RunResult): boolean {
  const { registered, retransmitted, seconds } = result;
  return retransmitted < registered / 200 && registered / seconds > rate * 0.95;
}

function describe(result: RunResult | undefined): string {
  if (result === undefined) return 'nothing';
  const { registered, challenged, failed, retransmitted, p50Ms, p99Ms, lateMs, seconds } = result;
  const late = lateMs > 50 ? `, the generator was ${Math.round(lateMs)} ms late` : '';
  return (
    `${registered} registered (${challenged} challenged before), ${failed} failed, ` +
    `${retransmitted} sent again, ${Math.round(registered / seconds)}/s, ` +
    `p50 ${rounded(p50Ms)} ms, p99 ${rounded(p99Ms)} ms${late}`
  );
}

function databaseOf(server: Ringthrough): string {
  return join(server.folder, 'data', 'ringthrough.db');
}

/** Resident memory, of it the process's own (the rest are mapped files). */
function memoryOf(server: Ringthrough): string {
  const status = readFileSync(`/proc/${server.process.child.pid}/status`, 'utf8');
  const of = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  return `${of('VmRSS')} MiB resident (${of('RssAnon')} its own), at most ${of('VmHWM')}`;
}
