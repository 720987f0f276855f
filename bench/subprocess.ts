import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

interface Reply {
  id: number;
  value?: unknown;
  error?: string;
}

/** What one process of a benchmark can be asked. Arguments and results cross by structured clone. */
export type Handlers = Record<string, (args: never) => unknown>;

/** A Node process that answers requests, bound to one processor when there are several. */
export class Subprocess<H extends Handlers> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  #next = 1;

  constructor(file: URL, processor: number | undefined) {
    const pinned = processor === undefined ? [] : ['taskset', '-c', String(processor)];
    const [command = '', ...args] = [...pinned, process.execPath, ...process.execArgv, fileURLToPath(file)];
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#child.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.value as never);
      else waiting?.reject(new Error(reply.error));
    });
    const lost = (why: string) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${fileURLToPath(file)} ${why}`));
      this.#waiting.clear();
    };
    this.#child.on('error', (error) => lost(error.message));
    this.#child.on('exit', (code, signal) => lost(`ended with ${signal ?? code}`));
  }

  request<C extends keyof H & string>(
    command: C,
    args: Parameters<H[C]>[0],
  ): Promise<Awaited<ReturnType<H[C]>>> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, command, args }, (error) => error && reject(error));
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    // `serve` ends the process when the channel closes.
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await gone;
    clearTimeout(timer);
  }
}

/** The process's own end: answers requests until the benchmark is gone. */
export function serve(handlers: Handlers): void {
  process.on('message', ({ id, command, args }: { id: number; command: string; args: never }) => {
    Promise.resolve()
      .then(() => handlers[command]?.(args))
      .then(
        (value) => process.send?.({ id, value }),
        (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.stack : `${error}` }),
      );
  });
  process.on('disconnect', () => process.exit(0));
}
