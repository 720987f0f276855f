import type { Handset } from '../call/handset.ts';
import { LabError } from '../model/errors.ts';
import type { ForwardingSnapshot } from '../model/forwarding-table.ts';
import { type ForwardingPlan, type Scenario, scenarios } from '../model/scenarios.ts';
import type { Coverage } from '../model/types.ts';
import type { Carriers } from './carriers.ts';
import type { Handsets } from './handsets.ts';
import type { Messages } from './messages.ts';

/** What people do, which scenarios do in their place. */
interface People {
  dial(number: string, typed: string): unknown;
  answer(number: string): unknown;
  hangUp(number: string): unknown;
  setCoverage(number: string, coverage: Coverage): unknown;
}

export interface ScenarioView {
  name: string;
  title: string;
  hint: string;
}

/** Puts the lab into a known state by name. */
export class Scenarios {
  readonly #people: People;
  readonly #handsets: Handsets;
  readonly #carriers: Carriers;
  readonly #messages: Messages;
  #timer: NodeJS.Timeout | undefined;

  constructor(people: People, parts: { handsets: Handsets; carriers: Carriers; messages: Messages }) {
    this.#people = people;
    this.#handsets = parts.handsets;
    this.#carriers = parts.carriers;
    this.#messages = parts.messages;
  }

  list(): ScenarioView[] {
    return scenarios.map(viewOf);
  }

  /** @throws LabError `unknown-scenario` that names those there are */
  load(name: string): ScenarioView {
    const scenario = scenarios.find((one) => one.name === name);
    if (scenario === undefined) {
      const names = scenarios.map((one) => one.name).join(', ');
      throw new LabError('unknown-scenario', `The lab has no scenario of this name. There are: ${names}.`);
    }
    clearTimeout(this.#timer);
    this.#hangUpAll();
    for (const { options } of this.#carriers.all()) this.#setCarrier(options.id, scenario);
    this.#setCallers();
    for (const handset of this.#handsets.all()) handset.screen = undefined;
    if (scenario.forgetsMessages === true) this.#forget();
    const own = this.#own();
    // Covered first: what happens to a handset may need its network.
    for (const handset of own) this.#setOwn(handset, scenario, own);
    if (scenario.busy === true) this.#talk(own);
    if (scenario.backAfterMs !== undefined) this.#comeBack(own, scenario.backAfterMs);
    return viewOf(scenario);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #own(): Handset[] {
    return this.#handsets.all().filter((handset) => handset.role === 'own');
  }

  #hangUpAll(): void {
    for (const { number, inCall } of this.#handsets.all()) if (inCall) this.#people.hangUp(number);
  }

  #forget(): void {
    this.#messages.clear();
    for (const handset of this.#handsets.all()) handset.voicemails = [];
  }

  #setCarrier(id: string, { sms = 'up', provisioning = 'up', trunk = 'up', redirection }: Scenario): void {
    this.#carriers.setCondition(id, { sms, provisioning, trunk });
    this.#carriers.setRedirection(id, redirection ?? this.#carriers.find(id).options.redirection);
  }

  #setCallers(): void {
    for (const { number, role } of this.#handsets.all()) {
      if (role !== 'caller') continue;
      this.#handsets.setForwarding(number, {});
      this.#handsets.setVoicemail(number, undefined);
      this.#people.setCoverage(number, this.#handsets.firstCoverage(number));
    }
  }

  #setOwn(handset: Handset, scenario: Scenario, own: readonly Handset[]): void {
    const { number, carrierId } = handset;
    const { options } = this.#carriers.find(carrierId);
    this.#handsets.setForwarding(number, this.#planned(scenario.forwarding, handset, own));
    const voicemail = scenario.carrierVoicemail === true ? options.voicemailNumber : undefined;
    this.#handsets.setVoicemail(number, voicemail);
    this.#people.setCoverage(number, scenario.coverage ?? 'covered');
    handset.screen = undefined;
  }

  #planned(plan: ForwardingPlan, handset: Handset, own: readonly Handset[]): ForwardingSnapshot {
    switch (plan.kind) {
      case 'none':
        return {};
      case 'ringthrough': {
        const to = this.#carriers.find(handset.carrierId).options.cNumber;
        const entry = { to, active: true, noReplySeconds: plan.noReplySeconds };
        return { busy: entry, 'no-reply': entry, 'not-reachable': entry };
      }
      case 'circle':
        return always(own[(own.indexOf(handset) + 1) % own.length]?.number);
      case 'elsewhere':
        return always(this.#handsets.all().find(({ role }) => role === 'caller')?.number);
    }
  }

  /** Two and two; with an odd number the last one stays free. */
  #talk(own: readonly Handset[]): void {
    for (let index = 0; index + 1 < own.length; index += 2) {
      const [caller, called] = own.slice(index, index + 2);
      if (caller === undefined || called === undefined) return;
      this.#people.dial(caller.number, called.number);
      this.#people.answer(called.number);
    }
  }

  #comeBack(own: readonly Handset[], afterMs: number): void {
    this.#timer = setTimeout(() => {
      for (const { number } of own) this.#people.setCoverage(number, 'covered');
    }, afterMs);
  }
}

function always(to: string | undefined): ForwardingSnapshot {
  return to === undefined ? {} : { unconditional: { to, active: true, noReplySeconds: 20 } };
}

const viewOf = ({ name, title, hint }: Scenario): ScenarioView => ({ name, title, hint });
