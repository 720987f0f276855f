import { randomInt } from 'node:crypto';
import { parseCSeq, type SipHeaders, type SipRequest, type SipResponse } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import type { UaContext } from './context.ts';
import type { ReliableProvisional } from './types.ts';

const optionTag = '100rel';

/** A reliable provisional response that is not acknowledged. */
interface Waiting {
  response: SipResponse;
  sequence: number;
  intervalMs: number;
  repeat: Timer;
  limit: Timer;
}

/** The reliable provisional responses to one INVITE, RFC 3262 section 3: one at a time, each until its PRACK. */
export class ReliableProvisionals {
  readonly #context: UaContext;
  readonly #transaction: ServerTransaction;
  readonly #unacknowledged: () => void;
  /** RSeq of the next one; the first is anything from 1 to 2^31 - 1. */
  #next = randomInt(1, 2 ** 31 - 1);
  #queue: SipResponse[] = [];
  #waiting: Waiting | undefined;
  /** RSeq of one that was not acknowledged when the final response went. */
  #left: number | undefined;
  #stopped = false;

  constructor(context: UaContext, options: { transaction: ServerTransaction; unacknowledged: () => void }) {
    this.#context = context;
    this.#transaction = options.transaction;
    this.#unacknowledged = options.unacknowledged;
  }

  /** Section 3: no 2xx before the PRACK of a response that carries a session description. */
  get holdsAnswer(): boolean {
    return [this.#waiting?.response, ...this.#queue].some((response) => (response?.body.length ?? 0) > 0);
  }

  /** Sends it now, or when those before it are acknowledged. */
  send(response: SipResponse): void {
    response.headers.add('Require', optionTag);
    this.#queue.push(response);
    this.#sendNext();
  }

  /** Takes a PRACK; false if it fits no response that waits for one (481). */
  acknowledge(prack: SipRequest): boolean {
    const match = /^\s*(\d{1,10})\s+(\d{1,10})\s+(\S+)\s*$/.exec(prack.headers.get('RAck') ?? '');
    const sequence = parseCSeq(this.#transaction.request.headers.get('CSeq') ?? '')?.sequence;
    if (!match || Number(match[2]) !== sequence || match[3] !== 'INVITE') return false;
    const acknowledged = Number(match[1]);
    if (this.#left !== undefined && acknowledged === this.#left) {
      this.#left = undefined;
      return true;
    }
    if (acknowledged !== this.#waiting?.sequence) return false;
    this.#clear();
    this.#sendNext();
    return true;
  }

  /** The final response goes: nothing is repeated any more. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#left = this.#waiting?.sequence ?? this.#left;
    this.#queue = [];
    this.#clear();
  }

  #sendNext(): void {
    if (this.#waiting || this.#stopped) return;
    const response = this.#queue.shift();
    if (!response) return;
    const sequence = this.#next++;
    response.headers.set('RSeq', String(sequence));
    const { t1 } = this.#context.config;
    const limit = this.#context.timers.set(64 * t1, () => {
      this.stop();
      this.#unacknowledged();
    });
    this.#waiting = { response, sequence, intervalMs: t1, repeat: this.#repeatIn(t1), limit };
    this.#transaction.respond(response);
  }

  /** T1, doubled each time, on every transport. */
  #repeatIn(ms: number): Timer {
    return this.#context.timers.set(ms, () => {
      const waiting = this.#waiting;
      if (!waiting) return;
      this.#transaction.respond(waiting.response);
      waiting.intervalMs *= 2;
      waiting.repeat = this.#repeatIn(waiting.intervalMs);
    });
  }

  #clear(): void {
    if (this.#waiting) {
      this.#context.timers.clear(this.#waiting.repeat);
      this.#context.timers.clear(this.#waiting.limit);
    }
    this.#waiting = undefined;
  }
}

/** Whether responses 101-199 to this INVITE are to be reliable. `must`: the caller takes no others. */
export function wantsReliable(
  request: SipRequest,
  policy: ReliableProvisional | undefined,
): 'no' | 'may' | 'must' {
  if (policy === undefined) return 'no';
  if (hasTag(request.headers, 'Require')) return 'must';
  return policy === 'supported' && hasTag(request.headers, 'Supported') ? 'may' : 'no';
}

/** The RSeq of a provisional response that wants a PRACK, RFC 3262 section 4. */
export function reliableSequence(response: SipResponse): number | undefined {
  if (response.status <= 100 || response.status > 199 || !hasTag(response.headers, 'Require'))
    return undefined;
  const value = response.headers.get('RSeq') ?? '';
  return /^\d{1,10}$/.test(value) && Number(value) > 0 ? Number(value) : undefined;
}

function hasTag(headers: SipHeaders, name: 'Require' | 'Supported'): boolean {
  return headers.getAll(name).some((tag) => tag.toLowerCase() === optionTag);
}
