import type { Ringthrough } from './ringthrough.ts';
import type { SmsInbox } from './sms-inbox.ts';

export interface SipCredentials {
  user: string;
  password: string;
  domain: string;
  realm: string;
  server: string;
}

export interface DeviceAnswer {
  account: { id: string; numbers: Array<{ number: string; primary: boolean }> };
  device: { id: string; name: string };
  sip: SipCredentials;
}

export class ApiError extends Error {
  readonly status: number;
  readonly problem: { code?: string; detail?: string };
  constructor(status: number, problem: { code?: string; detail?: string }) {
    super(`${status} ${problem.code ?? ''} ${problem.detail ?? ''}`);
    this.status = status;
    this.problem = problem;
  }
}

/** A person who uses the REST API as the client does. */
export class Person {
  readonly #server: { readonly url: string; readonly sms?: SmsInbox };
  #cookie = '';

  /** @param server without SMS a number is proved by calls only */
  constructor(server: { readonly url: string; readonly sms?: SmsInbox }) {
    this.#server = server;
  }

  /** Signs up with a number and the code that the SMS brings. */
  static async signUp(
    server: Ringthrough,
    number: string,
    password = 'correct horse 7',
  ): Promise<[Person, DeviceAnswer]> {
    const person = new Person(server);
    const proof = await person.prove(number, 'sign-up');
    const device = { name: 'Test browser', system: 'test' };
    const answer = await person.call<DeviceAnswer>('POST', '/api/accounts', { proof, password, device });
    return [person, answer];
  }

  async prove(number: string, purpose: string): Promise<string> {
    const inbox = this.#server.sms;
    if (!inbox) throw new Error('there are no SMS here');
    const before = inbox.received.filter((sms) => sms.to === number).length;
    const { id } = await this.call<{ id: string }>('POST', '/api/validations', { number, purpose });
    const sms = await inbox.next(number, before);
    const code = sms.text.match(/\b\d{6}\b/)?.[0];
    const { proof } = await this.call<{ proof: string }>('POST', `/api/validations/${id}/check`, { code });
    return proof;
  }

  async link(number: string): Promise<void> {
    const proof = await this.prove(number, 'link');
    await this.call('POST', '/api/account/numbers', { proof });
  }

  async logIn(number: string, password = 'correct horse 7'): Promise<DeviceAnswer> {
    const device = { name: 'Test browser', system: 'test' };
    return this.call<DeviceAnswer>('POST', '/api/sessions', { number, password, device });
  }

  /** A softphone with its own credentials. */
  async addSoftphone(name = 'Softphone'): Promise<{ device: { id: string }; sip: SipCredentials }> {
    return this.call('POST', '/api/devices', { name });
  }

  /** @throws ApiError with the problem document of any status ≥ 400 */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { 'x-requested-with': 'ringthrough' };
    if (this.#cookie) headers.cookie = this.#cookie;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const answer = await fetch(this.#server.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const cookie = answer.headers.get('set-cookie');
    if (cookie) this.#cookie = cookie.split(';')[0] ?? '';
    const text = await answer.text();
    const parsed: unknown =
      text && answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
    if (answer.status >= 400) throw new ApiError(answer.status, parsed as { code?: string });
    return parsed as T;
  }
}
