import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type {
  BatchedWrite,
  FromWriter,
  StatementResult,
  ToWriter,
  WriteFailure,
  WriteOutcome,
} from './batch.ts';
import type { WriterWorkerData } from './writer-worker.ts';

/** A statement with its parameters, as Kysely's `compile()` makes it. */
export interface WriteStatement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** A write that did not happen (`sqlite`, `overload`, `closed`), or of which nobody knows (`lost`). */
export class StoreWriteError extends Error {
  readonly code: 'sqlite' | 'overload' | 'closed' | 'lost';
  /** https://www.sqlite.org/rescode.html, where it was SQLite that refused. */
  readonly errcode: number | undefined;
  constructor(code: StoreWriteError['code'], failure: WriteFailure) {
    super(failure.message);
    this.name = 'StoreWriteError';
    this.code = code;
    this.errcode = failure.errcode;
  }
}

export interface StoreWriterOptions {
  /** The database file; it has its tables already. */
  path: string;
  busyTimeoutMs: number;
  /** Writes that may wait; further ones are refused. */
  maxWaiting: number;
}

interface WaitingWrite {
  statements: readonly WriteStatement[];
  resolve: (results: StatementResult[]) => void;
  reject: (error: StoreWriteError) => void;
}
/** Somebody who wants the file for himself. */
interface WaitingPause {
  granted: () => void;
}

/** A lone write leaves at once; under load, groups of writes are this far apart at least, so that they are groups. */
const groupEveryMs = 5;
/** Bounds how long a pause waits. */
const maxGroup = 2000;

/**
 * Writes to the database from a thread of its own, so that the event loop never waits for the disk. Writes that wait
 * share one durable commit; their order is kept. What was acknowledged survives a kill and the loss of power.
 *
 * It is the only writer of the process. Whoever needs a transaction with reads in it takes a `pause` and writes on
 * a connection of his own meanwhile; two connections that both write would wait for each other inside SQLite, blocking.
 */
export class StoreWriter {
  readonly #options: StoreWriterOptions;
  readonly #queue: Array<WaitingWrite | WaitingPause> = [];
  #inFlight: WaitingWrite[] | undefined;
  #paused = false;
  #scheduled = false;
  #lastGroupAt = 0;
  #worker: Worker | undefined;
  #closed = false;

  constructor(options: StoreWriterOptions) {
    this.#options = options;
  }

  /**
   * Resolves after the durable commit, with one result for each statement. Several statements happen together or not
   * at all.
   * @throws StoreWriteError (as rejection): this write failed, others did not suffer
   */
  write(statements: readonly WriteStatement[]): Promise<StatementResult[]> {
    if (this.#closed) return Promise.reject(failed('closed', 'the store is closed'));
    if (this.#queue.length >= this.#options.maxWaiting) {
      return Promise.reject(failed('overload', 'too many writes are waiting'));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ statements, resolve, reject });
      this.#schedule();
    });
  }

  /**
   * Waits until what was written so far is committed, and holds back whatever comes until it is called back.
   * @returns lets the writer go on
   */
  pause(): Promise<() => void> {
    if (this.#closed) return Promise.reject(failed('closed', 'the store is closed'));
    return new Promise((resolve) => {
      const granted = () => {
        this.#paused = true;
        let done = false;
        resolve(() => {
          if (done) return;
          done = true;
          this.#paused = false;
          this.#schedule();
        });
      };
      this.#queue.push({ granted });
      this.#schedule();
    });
  }

  /** Resolves when everything written so far is durable, or has failed. */
  async flush(): Promise<void> {
    const resume = await this.pause();
    resume();
  }

  /** Writes what waits, then ends the thread. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const flushed = this.flush();
    this.#closed = true;
    await flushed;
    const worker = this.#worker;
    if (!worker) return;
    const exited = once(worker, 'exit');
    worker.ref();
    post(worker, { type: 'close' });
    await exited;
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight || this.#paused || this.#queue.length === 0) return;
    this.#scheduled = true;
    const go = () => {
      this.#scheduled = false;
      this.#next();
    };
    const wait = this.#lastGroupAt + groupEveryMs - performance.now();
    if (wait > 0) setTimeout(go, wait);
    // Not at once: what else this turn of the loop writes comes along.
    else setImmediate(go);
  }

  #next(): void {
    const pauseAt = this.#queue.findIndex((entry) => 'granted' in entry);
    if (pauseAt === 0) {
      (this.#queue.shift() as WaitingPause).granted();
      return;
    }
    const size = Math.min(pauseAt < 0 ? this.#queue.length : pauseAt, maxGroup);
    const group = this.#queue.splice(0, size) as WaitingWrite[];
    this.#inFlight = group;
    this.#lastGroupAt = performance.now();
    this.#worker ??= this.#start();
    this.#worker.ref();
    const texts = new Map<string, number>();
    const numbered = (sql: string): number => {
      const known = texts.get(sql);
      if (known !== undefined) return known;
      texts.set(sql, texts.size);
      return texts.size - 1;
    };
    const writes = group.map(
      ({ statements }): BatchedWrite =>
        statements.map(({ sql, parameters }) => ({ text: numbered(sql), parameters })),
    );
    post(this.#worker, { type: 'write', batch: { texts: [...texts.keys()], writes } });
  }

  #start(): Worker {
    const { path, busyTimeoutMs } = this.#options;
    const workerData: WriterWorkerData = { path, busyTimeoutMs };
    const worker = new Worker(new URL('./writer-worker.ts', import.meta.url), { workerData });
    let cause = 'it ended';
    worker.on('error', (error) => {
      cause = error.message;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      // The next write starts another thread.
      const lost = failed('lost', `the writer thread failed: ${cause}`);
      this.#settle((write) => write.reject(lost));
    });
    worker.on('message', ({ outcomes }: FromWriter) => {
      this.#settle((write, index) => settle(write, outcomes[index]));
    });
    return worker;
  }

  #settle(each: (write: WaitingWrite, index: number) => void): void {
    const group = this.#inFlight;
    if (!group) return;
    this.#inFlight = undefined;
    this.#worker?.unref();
    group.forEach(each);
    this.#schedule();
  }
}

function settle(write: WaitingWrite, outcome: WriteOutcome | undefined): void {
  if (outcome?.ok) write.resolve(outcome.results);
  else
    write.reject(
      new StoreWriteError('sqlite', outcome?.failure ?? { message: 'no outcome', errcode: undefined }),
    );
}

function post(worker: Worker, message: ToWriter): void {
  worker.postMessage(message);
}

function failed(code: StoreWriteError['code'], message: string): StoreWriteError {
  return new StoreWriteError(code, { message, errcode: undefined });
}
