import type { DialResult } from '../lab.ts';
import type { LadderEntry } from '../ladder.ts';
import type { Heard } from '../media/handset-audio.ts';
import type { Coverage } from '../model/types.ts';
import type { CallView, HandsetView } from '../views.ts';
import { eventually } from './eventually.ts';
import type { Rest } from './rest.ts';

/** The lab, driven over its REST API as anybody could. */
export class PhoneNetwork {
  readonly #lab: Rest;

  constructor(lab: Rest) {
    this.#lab = lab;
  }

  handset(number: string): Promise<HandsetView> {
    return this.#lab.ask('GET', `/handsets/${number}`);
  }

  /** Dials a code of the network. @throws Error when the network refuses it */
  async dialCode(number: string, code: string): Promise<string[]> {
    const result = await this.#lab.ask<DialResult>('POST', `/handsets/${number}/dial`, { number: code });
    if (result.kind !== 'service' || !result.ok) throw new Error(`The network refused ${code}.`);
    return result.lines;
  }

  async setCoverage(number: string, coverage: Coverage): Promise<void> {
    await this.#lab.ask('PUT', `/handsets/${number}/coverage`, { coverage });
  }

  async call(from: string, to: string): Promise<LabCallControl> {
    const result = await this.#lab.ask<DialResult>('POST', `/handsets/${from}/dial`, { number: to });
    if (result.kind !== 'call') throw new Error(`${to} was taken for a code.`);
    return new LabCallControl(this.#lab, from, result.call.id);
  }
}

/** One call from a lab handset, and what its caller hears and says. */
export class LabCallControl {
  readonly #lab: Rest;
  readonly #from: string;
  readonly #id: string;

  constructor(lab: Rest, from: string, id: string) {
    this.#lab = lab;
    this.#from = from;
    this.#id = id;
  }

  view(): Promise<CallView> {
    return this.#lab.ask('GET', `/calls/${this.#id}`);
  }

  say(speech: { prompt: string } | { toneHz: number; durationMs: number }): Promise<{ durationMs: number }> {
    return this.#lab.ask('POST', `/handsets/${this.#from}/speak`, speech);
  }

  async hangUp(): Promise<void> {
    await this.#lab.ask('POST', `/handsets/${this.#from}/hangup`);
  }

  async hears(): Promise<Heard> {
    return (await this.view()).callerHears;
  }

  reached(state: CallView['state'], limitMs: number): Promise<CallView> {
    return eventually(`the call is ${state}`, limitMs, async () => {
      const view = await this.view();
      return view.state === state ? view : undefined;
    });
  }

  /** The message with this label on the trunk. @throws Error when it does not pass in time */
  message(label: string, limitMs = 3000): Promise<LadderEntry> {
    return eventually(`${label} on the trunk`, limitMs, async () => {
      const ladder = await this.#lab.ask<LadderEntry[]>('GET', `/calls/${this.#id}/ladder`);
      return ladder.find((entry) => entry.kind === 'sip' && entry.label === label);
    });
  }

  /** When this tone was recognised at the caller's ear. */
  async tone(hz: number, limitMs: number): Promise<number> {
    return eventually(`the caller hears ${hz} Hz`, limitMs, async () => {
      return (await this.hears()).tones.find((tone) => tone.hz === hz)?.at;
    });
  }
}
