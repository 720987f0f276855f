import { Worker } from 'node:worker_threads';
import { MediaError } from '../media-plane.ts';
import type {
  CommandName,
  Commands,
  FromWorker,
  LegEvent,
  LogLevel,
  Request,
  WorkerConfig,
} from './protocol.ts';
import { WorkerEnd } from './worker-end.ts';

/** The part of pino that the media plane uses. */
export type MediaLog = Record<LogLevel, (data: Record<string, unknown>, message: string) => void>;

/** A UDP port the media plane needs could not be opened; says which. */
export class MediaListenError extends Error {
  readonly code: string;
  readonly protocol = 'udp';
  readonly host: string;
  readonly port: number;
  constructor(failure: { code: string; host: string; port: number }) {
    const why = failure.code === 'EADDRINUSE' ? 'is already in use' : `cannot be opened (${failure.code})`;
    super(`UDP port ${failure.port} on ${failure.host} ${why}; set media.webrtcPort to another one`);
    this.name = 'MediaListenError';
    this.code = failure.code;
    this.host = failure.host;
    this.port = failure.port;
  }
}

interface Pending {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/** Commands over postMessage with request ids: the main thread's end of one media worker. */
export class WorkerClient {
  readonly webrtcPort: number;
  readonly #worker: Worker;
  readonly #end: WorkerEnd;
  /** By the id of their request; an id is free again when it was answered. */
  readonly #pending: Array<Pending | undefined> = [];
  readonly #freeIds: number[] = [];
  readonly #hooks: WorkerHooks;
  #outbox: Request[] = [];
  #gone: MediaError | undefined;
  #closing = false;

  private constructor(
    { worker, end }: { worker: Worker; end: WorkerEnd },
    webrtcPort: number,
    hooks: WorkerHooks,
  ) {
    this.#worker = worker;
    this.#end = end;
    this.webrtcPort = webrtcPort;
    this.#hooks = hooks;
    worker.on('message', (messages: FromWorker[]) => {
      for (const message of messages) this.#receive(message);
    });
    worker.on('error', (error) => this.#lost(`media worker failed: ${error.message}`, error));
    worker.on('exit', () => this.#lost('media worker has ended'));
  }

  /** @throws MediaListenError when the WebRTC port is taken. */
  static async start(config: WorkerConfig, hooks: WorkerHooks): Promise<WorkerClient> {
    const worker = new Worker(new URL('./media-worker.ts', import.meta.url), { workerData: config });
    const end = new WorkerEnd(worker, () =>
      hooks.log.warn({}, 'media worker does not end, so it is terminated'),
    );
    const webrtcPort = await new Promise<number>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', ([message]: FromWorker[]) => {
        worker.off('error', reject);
        if (message?.type === 'ready') resolve(message.webrtcPort);
        else if (message?.type === 'listen-failed') reject(new MediaListenError(message));
        else reject(new Error('media worker said something else than ready'));
      });
    }).catch(async (error) => {
      await end.reached();
      throw error;
    });
    return new WorkerClient({ worker, end }, webrtcPort, hooks);
  }

  /** @throws MediaError as the command says; `closed` when the worker is gone. */
  request<C extends CommandName>(command: C, args: Commands[C]['args']): Promise<Commands[C]['result']> {
    if (this.#gone) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      const id = this.#freeIds.pop() ?? this.#pending.length;
      this.#pending[id] = { resolve, reject };
      this.#post({ id, command, args } as Request);
    });
  }

  /** A command whose answer is of no interest. */
  tell<C extends CommandName>(command: C, args: Commands[C]['args']): void {
    this.request(command, args).catch(() => undefined);
  }

  /** What one turn asks for crosses over together. */
  #post(request: Request): void {
    this.#outbox.push(request);
    if (this.#outbox.length > 1) return;
    queueMicrotask(() => {
      const requests = this.#outbox;
      this.#outbox = [];
      if (!this.#gone) this.#worker.postMessage(requests);
    });
  }

  /** Whether the thread has ended. */
  get gone(): boolean {
    return this.#gone !== undefined;
  }

  async close(): Promise<void> {
    this.#closing = true;
    const end = this.#end.reached();
    if (!this.#gone) await this.request('close', {}).catch(() => undefined);
    this.#lost('media plane is closed');
    await end;
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'result':
        this.#settle(message.id)?.resolve(message.value as never);
        break;
      case 'error':
        this.#settle(message.id)?.reject(
          message.code ? new MediaError(message.code, message.message) : new Error(message.message),
        );
        break;
      case 'event':
        this.#hooks.onEvent(message);
        break;
      case 'log':
        this.#hooks.log[message.level](message.data, message.message);
        break;
      default:
        break;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending[id];
    if (!pending) return undefined;
    this.#pending[id] = undefined;
    this.#freeIds.push(id);
    return pending;
  }

  #lost(message: string, cause?: Error): void {
    if (this.#gone) return;
    this.#gone = new MediaError('closed', message, { cause });
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(this.#gone);
    if (this.#closing) return;
    this.#hooks.log.error({ err: cause ?? this.#gone }, message);
    this.#hooks.onLost();
  }
}

export interface WorkerHooks {
  onEvent: (event: LegEvent) => void;
  /** The worker has ended without being told to; whatever it held is gone. */
  onLost: () => void;
  log: MediaLog;
}
