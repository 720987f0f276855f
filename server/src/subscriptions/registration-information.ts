import { createHash } from 'node:crypto';
import type { NotifyBody, NotifyCause } from '@ringthrough/sip';
import type { UnregisteredWhy } from '../fabric/index.ts';
import type { DeviceIdentity, RegisteredContact } from '../registration/index.ts';
import type { EventPackage, Heard, Telling } from './types.ts';

export interface RegistrationInformationOptions {
  domain: string;
  /** Unix milliseconds. */
  now: () => number;
  /** Of all devices of the account, those that can be reached now. */
  contacts: (accountId: string) => RegisteredContact[];
}

/** RFC 3680 section 5.1: what ended a contact. */
const endings: Readonly<Record<UnregisteredWhy, string>> = {
  logout: 'unregistered',
  expired: 'expired',
  // Registering again at once is what such a device should do.
  'connection-lost': 'deactivated',
  removed: 'rejected',
};

/** Which devices are registered where, RFC 3680: all contacts of the subscriber's account, one registration per device. */
export class RegistrationInformation implements EventPackage {
  readonly name = 'reg';
  readonly contentType = 'application/reginfo+xml';
  // RFC 3680 section 4.8.
  readonly minIntervalMs = 5_000;
  readonly users = [];
  readonly news = ['device.registered', 'device.unregistered'] as const;
  readonly #options: RegistrationInformationOptions;

  constructor(options: RegistrationInformationOptions) {
    this.#options = options;
  }

  open(device: DeviceIdentity): Telling {
    return new RegistrationTelling(device, this.#options, this.contentType);
  }
}

/** What one subscriber knows. Versions count its NOTIFYs, and partial ones tell what has changed since the last. */
class RegistrationTelling implements Telling {
  readonly #device: DeviceIdentity;
  readonly #options: RegistrationInformationOptions;
  readonly #contentType: string;
  #version = 0;
  /** Told last: the contacts that there are, by id. */
  #told = new Map<string, RegisteredContact>();
  /** Why contacts of a device ended, until that is told. */
  readonly #endings = new Map<string, string>();

  constructor(device: DeviceIdentity, options: RegistrationInformationOptions, contentType: string) {
    this.#device = device;
    this.#options = options;
    this.#contentType = contentType;
  }

  heard(news: Heard): void {
    if (news.type === 'device.unregistered') this.#endings.set(news.event.deviceId, endings[news.event.why]);
  }

  async state(cause: NotifyCause): Promise<NotifyBody | undefined> {
    const contacts = this.#options.contacts(this.#device.accountId);
    const current = new Map(contacts.map((contact) => [idOf(contact.sipUser, contact.contactUri), contact]));
    const full = cause !== 'change';
    const registrations = full ? this.#all(current) : this.#changed(current);
    this.#told = current;
    this.#endings.clear();
    if (registrations.length === 0) return undefined;
    const head = `<?xml version="1.0" encoding="UTF-8"?>\n<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="${this.#version}" state="${full ? 'full' : 'partial'}">`;
    this.#version += 1;
    const body = `${[head, ...registrations, '</reginfo>'].join('\n')}\n`;
    return { contentType: this.#contentType, body };
  }

  /** The subscriber's own address is there always: section 4.7.1 wants a state, be it that nobody is registered. */
  #all(current: Map<string, RegisteredContact>): string[] {
    const users = new Set([this.#device.sipUser, ...[...current.values()].map(({ sipUser }) => sipUser)]);
    return [...users].map((user) => {
      const contacts = [...current].filter(([, contact]) => contact.sipUser === user);
      const state = contacts.length > 0 ? 'active' : 'init';
      return this.#registration(
        user,
        state,
        contacts.map(([id, contact]) => this.#active(id, contact)),
      );
    });
  }

  #changed(current: Map<string, RegisteredContact>): string[] {
    const byUser = new Map<string, string[]>();
    const add = (user: string, contact: string) => byUser.set(user, [...(byUser.get(user) ?? []), contact]);
    for (const [id, contact] of this.#told) {
      if (!current.has(id)) add(contact.sipUser, this.#ended(id, contact));
    }
    for (const [id, contact] of current) {
      if (!this.#told.has(id)) add(contact.sipUser, this.#active(id, contact));
    }
    const active = new Set([...current.values()].map(({ sipUser }) => sipUser));
    return [...byUser].map(([user, contacts]) =>
      this.#registration(user, active.has(user) ? 'active' : 'terminated', contacts),
    );
  }

  #registration(user: string, state: string, contacts: string[]): string {
    const aor = `sip:${user}@${this.#options.domain}`;
    const attributes = `aor="${escapeXml(aor)}" id="${idOf(user)}" state="${state}"`;
    if (contacts.length === 0) return `  <registration ${attributes}/>`;
    return [`  <registration ${attributes}>`, ...contacts, '  </registration>'].join('\n');
  }

  #active(id: string, contact: RegisteredContact): string {
    const expires = Math.max(0, Math.ceil((contact.expiresAt - this.#options.now()) / 1000));
    return this.#contact(id, contact, `state="active" event="registered" expires="${expires}"`);
  }

  #ended(id: string, contact: RegisteredContact): string {
    const expired = contact.expiresAt <= this.#options.now();
    const event = this.#endings.get(contact.deviceId) ?? (expired ? 'expired' : 'unregistered');
    return this.#contact(id, contact, `state="terminated" event="${event}"`);
  }

  #contact(id: string, { contactUri, callId, cseq }: RegisteredContact, state: string): string {
    return [
      `    <contact id="${id}" ${state} callid="${escapeXml(callId)}" cseq="${cseq}">`,
      `      <uri>${escapeXml(contactUri)}</uri>`,
      '    </contact>',
    ].join('\n');
  }
}

/** Steady and unique for a subscriber, section 5.1. */
function idOf(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 16);
}

/** Of text and attributes; what XML cannot hold at all is left out. */
function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go.
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
      .replace(/[&<>"]/g, (char) => entities[char] ?? char)
  );
}
