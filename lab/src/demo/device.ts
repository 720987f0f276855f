import type { ToneEar } from '../media/tone-ear.ts';

/** What a device needs to register; shown once by the API when the device was made. */
export interface SipAccount {
  user: string;
  password: string;
  domain: string;
  realm: string;
  /** host:port, UDP and TCP. */
  server: string;
  webSocketPath: string;
}

/** How a ringing call went away without this device. */
export interface Stopped {
  at: number;
  /** Cause of Reason (RFC 3326) in the CANCEL; 200 means answered elsewhere. */
  cause: number | undefined;
}

/** A call at one device, from the INVITE on. */
export interface DeviceCall {
  readonly device: string;
  /** When the INVITE came. */
  readonly arrivedAt: number;
  /** The number that was called, of P-Called-Party-ID. */
  readonly calledNumber: string | undefined;
  readonly callerNumber: string | undefined;
  /** When it stopped ringing because somebody else took it or the caller gave up. */
  readonly stopped: Promise<Stopped>;
  /** After the answer. */
  readonly ended: Promise<{ at: number; by: 'peer' | 'us' }>;
  readonly ear: ToneEar;
  readonly codec: string | undefined;
  readonly state: 'ringing' | 'active' | 'over';
  /** Resolves when the answer has left. */
  accept(): Promise<void>;
  reject(status: 486 | 603): void;
  hangUp(): void;
  /** Speaks a tone from now on. */
  say(hz: number): void;
}

/** A device of the person: registers, rings, speaks and listens without a screen. */
export interface Device {
  readonly name: string;
  /** Resolves when the registrar has said yes. */
  register(): Promise<void>;
  /** The next call that rings here. */
  nextCall(): Promise<DeviceCall>;
  /** Deregisters and frees everything. */
  close(): Promise<void>;
}

/** One value for each of those who wait, in order, kept when nobody waits. */
export class Mailbox<T> {
  readonly #values: T[] = [];
  readonly #waiting: Array<(value: T) => void> = [];

  put(value: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#values.push(value);
    else next(value);
  }

  take(): Promise<T> {
    const [value] = this.#values.splice(0, 1);
    if (value !== undefined) return Promise.resolve(value);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** User part of the first URI in a header value, when it is a telephone number. */
export function numberIn(value: string | undefined): string | undefined {
  return value?.match(/(?:sips?|tel):(\+[0-9]+)/)?.[1];
}

/** Cause of the first SIP Reason among header values (RFC 3326). */
export function sipCause(values: readonly string[]): number | undefined {
  const cause = values.map((value) => /^\s*SIP\s*;.*cause\s*=\s*([0-9]+)/i.exec(value)?.[1]).find(Boolean);
  return cause === undefined ? undefined : Number(cause);
}
