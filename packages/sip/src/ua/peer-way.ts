import type { Dialog } from '../dialog/dialog.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Target } from '../transport/types.ts';
import { type Route, Ways } from '../transport/ways.ts';
import { canDial, flowFor, type UaContext, type Way } from './context.ts';

export interface PeerWayOptions {
  /** The confirmed dialog, once there is one. */
  dialog(): Dialog | undefined;
  /** The connection to the peer is gone, and nothing has come in its place for `lostFlow`. */
  lost(): void;
}

/** How the requests of one session find their peer, and whether the connection that leads there still stands. */
export class PeerWay implements Way {
  pinned: BaseFlow | undefined;
  last: BaseFlow | undefined;
  home: (() => Route) | undefined;
  readonly #context: UaContext;
  readonly #options: PeerWayOptions;
  #unwatch: (() => void) | undefined;
  #patience: Timer | undefined;
  #closed = false;

  constructor(context: UaContext, way: Way, options: PeerWayOptions) {
    this.#context = context;
    this.pinned = way.pinned;
    this.last = way.last;
    this.home = way.home;
    this.#options = options;
  }

  /** The connection is gone; the peer has its time to come back. */
  get isLost(): boolean {
    return this.#patience !== undefined;
  }

  /** For a request in this dialog. */
  to(dialog: Dialog): Route {
    return flowFor(this.#context, dialog, this);
  }

  /** The owner knows where the peer is now. */
  moveTo(target: Target): void {
    const flow = this.#context.transport.flowTo(target);
    if (flow instanceof Promise || flow instanceof Ways || flow.closed) return;
    this.last = flow;
    if (this.pinned) this.pinned = flow;
    if (this.home) this.home = () => this.#context.transport.flowTo(target);
    this.watch();
  }

  heardOn(flow: BaseFlow): void {
    this.last = flow;
    if (this.pinned && this.pinned.id !== flow.id && flow.reliable) this.pinned = flow;
    this.watch();
  }

  /** Watches the connection that leads to the peer, once there is a dialog. */
  watch(): void {
    const dialog = this.#options.dialog();
    if (!dialog || this.#closed) return;
    this.#forget();
    const flow = this.pinned ?? this.last;
    if (!flow?.reliable) return;
    this.#unwatch = flow.onClose(() => {
      if (this.#closed || (!this.pinned && (this.home !== undefined || canDial(dialog, flow)))) return;
      this.#patience = this.#context.timers.set(this.#context.config.lostFlow, () => {
        this.#patience = undefined;
        this.#options.lost();
      });
    });
  }

  /** Watches no more; requests still find their way. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#forget();
  }

  #forget(): void {
    if (this.#patience) this.#context.timers.clear(this.#patience);
    this.#unwatch?.();
    this.#patience = this.#unwatch = undefined;
  }
}
