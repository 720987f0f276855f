import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A child process whose output is kept, that can be waited on, and that is certainly gone after `stop`. */
export class Process {
  readonly child: ChildProcess;
  readonly name: string;
  output = '';
  readonly #watchers = new Set<() => void>();

  constructor(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    this.name = command;
    this.child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => {
      this.output += chunk.toString();
      this.#notify();
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    this.child.on('exit', () => this.#notify());
    this.child.on('error', (error) => {
      this.output += `\n${error.message}`;
      this.#notify();
    });
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** Resolves with the match once the output contains it. */
  async waitFor(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpMatchArray> {
    return until(
      () => this.output.match(pattern) ?? (this.running ? undefined : new Error(`${this.name} ended`)),
      {
        timeoutMs,
        watch: this.#watchers,
        describe: () => `${this.name}: no ${pattern} in:\n${this.output.slice(-3000)}`,
      },
    );
  }

  async exited(timeoutMs = 30_000): Promise<number | null> {
    await until(() => (this.running ? undefined : true), {
      timeoutMs,
      watch: this.#watchers,
      describe: () => `${this.name} still runs:\n${this.output.slice(-3000)}`,
    });
    return this.child.exitCode;
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Ends this process by its own id: politely, then surely. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.running) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await gone;
    clearTimeout(timer);
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export interface UntilOptions {
  timeoutMs?: number;
  /** Looked at again whenever one of these is called, besides a short interval. */
  watch?: Set<() => void>;
  /** The interval; 20 ms. */
  everyMs?: number;
  describe?: () => string;
}

/** Looks until `probe` gives a value; an Error given or thrown at the end of the time fails. */
export async function until<T>(
  probe: () => T | undefined | Error | Promise<T | undefined | Error>,
  { timeoutMs = 15_000, watch, everyMs = 20, describe = () => 'waited in vain' }: UntilOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value instanceof Error) throw new Error(`${value.message}; ${describe()}`);
    if (value !== undefined && (value as unknown) !== false) return value;
    if (Date.now() > deadline) throw new Error(describe());
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        watch?.delete(done);
        resolve();
      };
      const timer = setTimeout(done, everyMs);
      watch?.add(done);
    });
  }
}
