/** How long and how a randomised test runs: what `fc.assert` takes. */
export interface Budget {
  seed: number;
  numRuns: number;
  interruptAfterTimeLimit: number;
  markInterruptAsFailure: boolean;
}

const fuzzSeconds = Number(process.env.RINGTHROUGH_FUZZ_SECONDS ?? 0);
/** For the time limit of a test that takes `fuzzBudget`, besides what it takes itself. */
export const fuzzTimeoutMs = 120_000 + fuzzSeconds * 1_500;
/** On a machine that has no time, fewer executions are no failure. */
const mostMs = 60_000;

/**
 * The budget of a fuzz test: `runs` executions or, when `RINGTHROUGH_FUZZ_SECONDS` is set, as many as fit into that
 * time. Each run of the tests has another seed; fast-check prints it on failure, and `RINGTHROUGH_SEED` sets it.
 */
export function fuzzBudget(runs: number): Budget {
  const given = process.env.RINGTHROUGH_SEED;
  const seed = given === undefined ? (Date.now() ^ (Math.random() * 0x1_0000_0000)) | 0 : Number(given) | 0;
  return {
    seed,
    numRuns: fuzzSeconds > 0 ? Number.MAX_SAFE_INTEGER : runs,
    interruptAfterTimeLimit: fuzzSeconds > 0 ? fuzzSeconds * 1_000 : mostMs,
    markInterruptAsFailure: false,
  };
}

/** Counts executions, and tells them at the end of a long run (`npm run fuzz`). */
export class ExecutionCount {
  readonly #name: string;
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  one(): void {
    this.#count++;
  }

  report(): void {
    if (fuzzSeconds > 0) process.stdout.write(`${this.#name}: ${this.#count} executions\n`);
  }
}
