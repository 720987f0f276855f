import { cpus } from 'node:os';
import { searchHighest } from '../search.ts';
import { rounded } from '../statistics.ts';
import { Subprocess } from '../subprocess.ts';
import type { GeneratorHandlers } from './media/generator-process.ts';
import type { PlaneHandlers } from './media/plane-process.ts';
import type { Kind, Observation } from './media/trial.ts';

const WARM_UP_MS = 1500;
const SECONDS = 4;
/** The least share of packets that must arrive. */
const ARRIVED = 0.999;
/** Relay: p99 of sending to arrival. Transcoding: p99 of the time between two packets of a stream. Milliseconds. */
const LIMIT_P99_MS: Record<Kind, number> = { relay: 20, opus: 40, webrtc: 40 };
/** Beyond this the generator is what is measured. */
const OWN_LATENESS_MS = 5;
/** The plane has one processor for itself, the generator another. */
const [PLANE_PROCESSOR, GENERATOR_PROCESSOR] = cpus().length > 1 ? [0, 1] : [undefined, undefined];

const plans: Array<{ kind: Kind; title: string; first: number }> = [
  { kind: 'relay', title: 'G.711 ↔ G.711, relayed', first: 200 },
  { kind: 'opus', title: 'G.711 ↔ Opus, RTP on both sides', first: 40 },
  { kind: 'webrtc', title: 'G.711 ↔ Opus over DTLS-SRTP', first: 40 },
];

/**
 * How many two-way calls one process of the product carries, its media plane on one processor. A generator on another
 * plays both ends: 50 packets a second from each. The most at which all of `faults` are absent.
 */
export async function measureMedia(): Promise<void> {
  const generatorLimit = await measureGenerator();
  console.log(`generator alone, looped back: ${generatorLimit} calls`);
  for (const { kind, title, first } of plans) {
    const rig = await Rig.start(kind);
    try {
      console.log(title);
      const best = await searchHighest(first, { grain: 10, carries: (calls) => rig.carries(calls) });
      console.log(
        `two-way calls, ${title}   ${best}${rig.limitedBy ? ` (limited by ${rig.limitedBy})` : ''}`,
      );
    } finally {
      await rig.stop();
    }
  }
}

/** The generator's own limit: the same packets, sent from end to end without a plane between. */
async function measureGenerator(): Promise<number> {
  const generator = new Subprocess<GeneratorHandlers>(generatorFile, GENERATOR_PROCESSOR);
  let ids: number[] = [];
  try {
    const carries = async (calls: number) => {
      if (ids.length < calls)
        ids = [...ids, ...(await generator.request('loop', { count: calls - ids.length }))];
      else await generator.request('hangUp', ids.splice(calls));
      await warmUp();
      const seen = await generator.request('observe', { kind: 'relay', seconds: SECONDS });
      const faults = faultsOf(seen, 'relay');
      console.log(`  ${calls} looped back: ${describe(seen, 'relay')}${verdict(faults)}`);
      return faults.length === 0;
    };
    return await searchHighest(400, { grain: 100, limit: 900, carries });
  } finally {
    await generator.stop();
  }
}

const generatorFile = new URL('./media/generator-process.ts', import.meta.url);
const planeFile = new URL('./media/plane-process.ts', import.meta.url);

const warmUp = () => new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));

/** One media plane, one generator, calls of one kind between them. */
class Rig {
  readonly #kind: Kind;
  readonly #generator = new Subprocess<GeneratorHandlers>(generatorFile, GENERATOR_PROCESSOR);
  readonly #plane = new Subprocess<PlaneHandlers>(planeFile, PLANE_PROCESSOR);
  #ids: number[] = [];
  /** Why the last step that failed did. */
  limitedBy = '';

  private constructor(kind: Kind) {
    this.#kind = kind;
  }

  static async start(kind: Kind): Promise<Rig> {
    const rig = new Rig(kind);
    await rig.#plane.request('usage', undefined as never);
    return rig;
  }

  /** Tries with so many calls. */
  async carries(calls: number): Promise<boolean> {
    await this.#resize(calls);
    await warmUp();
    const before = await this.#plane.request('usage', undefined as never);
    const seen = await this.#generator.request('observe', { kind: this.#kind, seconds: SECONDS });
    const after = await this.#plane.request('usage', undefined as never);
    const faults = faultsOf(seen, this.#kind);
    const dropped = after.dropped - before.dropped;
    if (dropped > (1 - ARRIVED) * seen.sent) faults.push(`${dropped} dropped before the plane`);
    const load = (after.cpuMs - before.cpuMs) / (seen.seconds * 1000 + DRAINED_MS);
    console.log(
      `  ${calls} calls: ${describe(seen, this.#kind)}, plane ${percent(load)} of a processor (${rounded((load * 1000) / calls, 2)} ms per call and second), ${rounded(after.rssMb, 0)} MB${verdict(faults)}`,
    );
    if (faults.length > 0) this.limitedBy = faults.join(', ');
    return faults.length === 0;
  }

  async #resize(calls: number): Promise<void> {
    const more = calls - this.#ids.length;
    if (more > 0) {
      const offers = await this.#generator.request('offer', { kind: this.#kind, count: more });
      await this.#generator.request('answer', await this.#plane.request('open', offers));
      this.#ids.push(...offers.map((offer) => offer.id));
    } else {
      const ids = this.#ids.splice(calls);
      await this.#generator.request('hangUp', ids);
      await this.#plane.request('close', ids);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#generator.stop(), this.#plane.stop()]);
  }
}

/** The generator looks on for so long after a window. */
const DRAINED_MS = 250;

function faultsOf(seen: Observation, kind: Kind): string[] {
  const faults: string[] = [];
  if (seen.ownLatenessP99Ms > OWN_LATENESS_MS) faults.push('the generator was late');
  if (seen.received < ARRIVED * seen.expected) faults.push('packets missing');
  if (seen.wrong > 0) faults.push(`${seen.wrong} of wrong content`);
  if (!(seen.p99Ms <= LIMIT_P99_MS[kind])) faults.push('p99 too long');
  return faults;
}

function describe(seen: Observation, kind: Kind): string {
  const what = kind === 'relay' ? 'delay' : 'spacing';
  const share = (100 * seen.received) / seen.expected;
  return `${rounded(share, 2)} % of ${seen.expected} arrived, ${what} p50 ${rounded(seen.p50Ms)} ms, p99 ${rounded(seen.p99Ms)} ms, generator ${percent(seen.ownLoad)}, late by ${rounded(seen.ownLatenessP99Ms)} ms (p99)`;
}

const percent = (share: number) => `${rounded(100 * share, 0)} %`;
const verdict = (faults: string[]) => (faults.length > 0 ? ` — ${faults.join(', ')}` : '');
