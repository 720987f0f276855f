import type { ForwardingProcedure, ForwardingService } from './mmi.ts';

export type ForwardingCondition = 'unconditional' | 'busy' | 'no-reply' | 'not-reachable';

/** One registered forwarding (3GPP TS 23.082 section 1.1: registered, and active or not). */
export interface Forwarding {
  to: string;
  active: boolean;
  /** Ringing time before `no-reply` applies; meaningless for the others. */
  noReplySeconds: number;
}

export type ForwardingSnapshot = Partial<Record<ForwardingCondition, Forwarding>>;

export interface ForwardingCommand {
  procedure: ForwardingProcedure;
  service: ForwardingService;
  /** E.164; required with `register`. */
  number?: string | undefined;
  noReplySeconds?: number | undefined;
}

/** What the network tells the handset after a command, ready for its screen. */
export interface ForwardingAnswer {
  ok: boolean;
  title: string;
  lines: string[];
}

const conditional: readonly ForwardingCondition[] = ['busy', 'no-reply', 'not-reachable'];

const conditionsOf: Readonly<Record<ForwardingService, readonly ForwardingCondition[]>> = {
  unconditional: ['unconditional'],
  busy: ['busy'],
  'no-reply': ['no-reply'],
  'not-reachable': ['not-reachable'],
  all: ['unconditional', ...conditional],
  'all-conditional': conditional,
};

const names: Readonly<Record<ForwardingCondition, string>> = {
  unconditional: 'Always',
  busy: 'When busy',
  'no-reply': 'When unanswered',
  'not-reachable': 'When unreachable',
};

/** TS 22.082 section 3.2.2: used when no time was given. */
export const defaultNoReplySeconds = 20;

/** The forwardings of one subscriber, as the switch keeps them. */
export class ForwardingTable {
  readonly #entries = new Map<ForwardingCondition, Forwarding>();

  constructor(snapshot: ForwardingSnapshot = {}) {
    this.replace(snapshot);
  }

  /** The forwarding that applies now under `condition`, if it is registered and active. */
  active(condition: ForwardingCondition): Forwarding | undefined {
    const entry = this.#entries.get(condition);
    return entry?.active === true ? entry : undefined;
  }

  snapshot(): ForwardingSnapshot {
    return Object.fromEntries([...this.#entries].map(([condition, entry]) => [condition, { ...entry }]));
  }

  /** Takes everything anew, as the carrier's own systems do. */
  replace(snapshot: ForwardingSnapshot): void {
    this.#entries.clear();
    for (const condition of conditionsOf.all) {
      const entry = snapshot[condition];
      if (entry !== undefined) this.#entries.set(condition, { ...entry });
    }
  }

  /** Does what a service code asks and says what the handset shows. */
  apply(command: ForwardingCommand): ForwardingAnswer {
    const conditions = conditionsOf[command.service];
    switch (command.procedure) {
      case 'register':
        return this.#register(conditions, command);
      case 'erase':
        for (const condition of conditions) this.#entries.delete(condition);
        return { ok: true, title: 'Call forwarding', lines: ['Erasure was successful.'] };
      case 'activate':
        return this.#setActive(conditions, true);
      case 'deactivate':
        return this.#setActive(conditions, false);
      case 'interrogate':
        return { ok: true, title: 'Call forwarding', lines: conditions.map((one) => this.#describe(one)) };
    }
  }

  #register(conditions: readonly ForwardingCondition[], command: ForwardingCommand): ForwardingAnswer {
    if (command.number === undefined) {
      return { ok: false, title: 'Call forwarding', lines: ['The number to forward to is missing.'] };
    }
    for (const condition of conditions) {
      const noReplySeconds = command.noReplySeconds ?? defaultNoReplySeconds;
      this.#entries.set(condition, { to: command.number, active: true, noReplySeconds });
    }
    const lines = ['Registration was successful.', ...conditions.map((one) => this.#describe(one))];
    return { ok: true, title: 'Call forwarding', lines };
  }

  #setActive(conditions: readonly ForwardingCondition[], active: boolean): ForwardingAnswer {
    const entries = conditions.flatMap((condition) => this.#entries.get(condition) ?? []);
    // Activation needs a registered number (TS 23.082 section 1.1.2); deactivation of nothing is no error.
    if (active && entries.length === 0) {
      return { ok: false, title: 'Call forwarding', lines: ['No number is registered to forward to.'] };
    }
    for (const entry of entries) entry.active = active;
    const done = active ? 'Activation was successful.' : 'Deactivation was successful.';
    return { ok: true, title: 'Call forwarding', lines: [done] };
  }

  #describe(condition: ForwardingCondition): string {
    const entry = this.#entries.get(condition);
    if (entry === undefined) return `${names[condition]}: not forwarded`;
    const time = condition === 'no-reply' ? ` after ${entry.noReplySeconds} s` : '';
    return `${names[condition]}: ${entry.to}${time}${entry.active ? '' : ' (off)'}`;
  }
}
