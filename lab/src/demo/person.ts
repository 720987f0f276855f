import type { HandsetView } from '../views.ts';
import type { SipAccount } from './device.ts';
import { eventually } from './eventually.ts';
import { Rest } from './rest.ts';

export interface LinkedNumber {
  number: string;
  primary: boolean;
  carrier: { id: string; name: string } | null;
  forwarding: { cNumber: string; commands: { activate: string; deactivate: string } } | null;
}

export interface CallRecord {
  id: string;
  number: string | null;
  caller: string | null;
  reason: string | null;
  arrivedAt: number;
  answeredAt: number | null;
  endedAt: number | null;
  durationMs: number | null;
  outcome: string | null;
  device: { id: string; name: string } | null;
  codecs: { carrier: string | null; client: string | null } | null;
}

export interface VoicemailRecord {
  id: string;
  number: string;
  caller: string | null;
  storedAt: number;
  durationMs: number;
}

interface Login {
  account: { numbers: LinkedNumber[] };
  sip: SipAccount;
}

/** The person of the story: has SIMs in the lab's handsets and uses the service as the client does. */
export class Person {
  readonly #origin: string;
  readonly #lab: Rest;
  readonly #client: Rest;
  readonly #password = `demo ${crypto.randomUUID()}`;

  constructor(origin: string, lab: Rest) {
    this.#origin = origin;
    this.#lab = lab;
    this.#client = new Rest(`${origin}/api`);
  }

  /** Creates the account; this device is a browser. */
  async signUp(number: string, device: string): Promise<SipAccount> {
    const proof = await this.#prove(number, 'sign-up');
    const body = { proof, password: this.#password, device: { name: device, system: 'demo' } };
    return (await this.#client.ask<Login>('POST', '/accounts', body)).sip;
  }

  async link(number: string): Promise<void> {
    const proof = await this.#prove(number, 'link');
    await this.#client.ask('POST', '/account/numbers', { proof });
  }

  /** Logs in on another browser. */
  async logIn(number: string, device: string): Promise<SipAccount> {
    const other = new Rest(`${this.#origin}/api`);
    const body = { number, password: this.#password, device: { name: device, system: 'demo' } };
    return (await other.ask<Login>('POST', '/sessions', body)).sip;
  }

  async addSoftphone(name: string): Promise<SipAccount> {
    return (await this.#client.ask<{ sip: SipAccount }>('POST', '/devices', { name })).sip;
  }

  async numbers(): Promise<LinkedNumber[]> {
    return (await this.#client.ask<{ numbers: LinkedNumber[] }>('GET', '/account')).numbers;
  }

  devices(): Promise<Array<{ name: string; registered: boolean }>> {
    return this.#client.ask('GET', '/devices');
  }

  calls(): Promise<CallRecord[]> {
    return this.#client.ask('GET', '/calls?limit=20');
  }

  voicemails(): Promise<VoicemailRecord[]> {
    return this.#client.ask('GET', '/voicemails');
  }

  voicemailAudio(id: string): Promise<Uint8Array> {
    return this.#client.bytes(`/voicemails/${id}/audio`);
  }

  /** Has a code sent, reads it on the lab's handset, and types it in. */
  async #prove(number: string, purpose: 'sign-up' | 'link'): Promise<string> {
    const before = (await this.#handset(number)).inbox.map((sms) => sms.id);
    const validation = await this.#client.ask<{ id: string; digits: number }>('POST', '/validations', {
      number,
      purpose,
    });
    const sms = await eventually('the SMS with the code', 5000, async () =>
      (await this.#handset(number)).inbox.find((one) => !before.includes(one.id)),
    );
    const code = new RegExp(`\\b[0-9]{${validation.digits}}\\b`).exec(sms.text)?.[0];
    if (code === undefined) throw new Error('The SMS has no code in it.');
    const path = `/validations/${validation.id}/check`;
    return (await this.#client.ask<{ proof: string }>('POST', path, { code })).proof;
  }

  #handset(number: string): Promise<HandsetView> {
    return this.#lab.ask('GET', `/handsets/${number}`);
  }
}
