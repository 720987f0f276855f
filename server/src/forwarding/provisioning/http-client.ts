import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { answerChallenge, challengeNonce, SipHeaders } from '@ringthrough/sip';
import { ProvisioningError } from './provisioner.ts';

/** How we say who we are, as the catalogue has it. */
export interface HttpAuthentication {
  username?: string | undefined;
  password?: string | undefined;
  token?: string | undefined;
  tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined;
  timeoutSeconds: number;
}

export interface HttpRequest {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Ten times what subscribers have. Some documents take time by the square of their length to read, and nothing else goes on. */
const maxBodyBytes = 64 * 1024;

/** Reaches a path on this server without a socket: the lab's carriers are guests of it. */
export type AskSelf = (path: string, request: SelfRequest) => Promise<HttpAnswer>;

export interface SelfRequest {
  method: HttpRequest['method'];
  headers: Record<string, string>;
  body: string | undefined;
  signal: AbortSignal;
}

/**
 * HTTP to a server of a carrier: Basic or Digest (RFC 7616) when it asks, or a bearer token; mutual TLS. Redirections are
 * not followed: credentials stay with the server they are for.
 */
export class HttpClient {
  readonly #options: HttpAuthentication;
  readonly #askSelf: AskSelf | undefined;
  /** The challenge that was answered last, to spare the next request a round. */
  #challenge: { headers: SipHeaders; count: number } | undefined;
  #basic = false;

  constructor(options: HttpAuthentication, askSelf?: AskSelf) {
    this.#options = options;
    this.#askSelf = askSelf;
  }

  /**
   * @returns any answer but those that {@link ProvisioningError} stands for
   * @throws ProvisioningError `no-answer`, `busy` (429, 5xx), `not-authorised` (401, 403), `bad-answer`
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const first = await this.#once(request, signal);
    const answer = first.status === 401 && this.#learn(first) ? await this.#once(request, signal) : first;
    return acceptable(answer);
  }

  /** @returns whether another try says more than the last one */
  #learn({ headers }: HttpAnswer): boolean {
    const { username, password } = this.#options;
    const header = headers['www-authenticate'];
    if (username === undefined || password === undefined || header === undefined) return false;
    const challenge = new SipHeaders();
    for (const value of splitChallenges(header)) challenge.add('WWW-Authenticate', value);
    const nonce = challengeNonce(challenge);
    if (nonce !== undefined) {
      const stale = this.#challenge !== undefined && challengeNonce(this.#challenge.headers) === nonce;
      this.#challenge = stale ? undefined : { headers: challenge, count: 0 };
      return !stale;
    }
    if (this.#basic || !/(^|,\s*)basic\b/i.test(header)) return false;
    this.#basic = true;
    return true;
  }

  #authorization(request: HttpRequest): string | undefined {
    const { username, password, token } = this.#options;
    if (token !== undefined) return `Bearer ${token}`;
    if (username === undefined || password === undefined) return undefined;
    if (this.#basic) return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    if (!this.#challenge) return undefined;
    this.#challenge.count += 1;
    const { pathname, search } = new URL(request.url);
    const { headers, count: nonceCount } = this.#challenge;
    const uri = pathname + search;
    return answerChallenge({ headers, method: request.method, uri, username, password, nonceCount })?.value;
  }

  async #once(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { timeoutSeconds } = this.#options;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    try {
      if (!request.url.startsWith('/'))
        return await exchange(request, this.#requestOptions(request, limited));
      return await this.#ownServer(request, limited);
    } catch (error) {
      if (error instanceof ProvisioningError) throw error;
      const { code = 'timeout' } = error as NodeJS.ErrnoException;
      throw new ProvisioningError('no-answer', `the server cannot be reached (${code})`, {
        retry: true,
        cause: error,
      });
    }
  }

  async #ownServer(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, url, headers, body } = request;
    const { token } = this.#options;
    if (!this.#askSelf)
      throw new ProvisioningError('no-answer', 'this server cannot be asked', { retry: true });
    const own: Record<string, string> = { ...headers };
    if (token !== undefined) own.authorization = `Bearer ${token}`;
    return this.#askSelf(url, { method, headers: own, body, signal });
  }

  /** Files are read each time: certificates are renewed. */
  #requestOptions(request: HttpRequest, signal: AbortSignal): RequestOptions {
    const { tls } = this.#options;
    const authorization = this.#authorization(request);
    const body =
      request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) };
    return {
      method: request.method,
      signal,
      headers: { ...request.headers, ...body, ...(authorization ? { authorization } : {}) },
      ...(tls?.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
      ...(tls?.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
      ...(tls?.key === undefined ? {} : { key: readFileSync(tls.key) }),
    };
  }
}

function exchange(request: HttpRequest, options: RequestOptions): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const send = request.url.startsWith('https:') ? httpsRequest : httpRequest;
  const outgoing = send(request.url, { ...options, agent: false }, (response) => {
    readBody(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    );
  });
  outgoing.on('error', reject);
  outgoing.end(request.body);
  return promise;
}

async function readBody(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBodyBytes) {
      response.destroy();
      throw new ProvisioningError('bad-answer', 'the answer is too long');
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function acceptable(answer: HttpAnswer): HttpAnswer {
  const { status, headers } = answer;
  if (status === 401 || status === 403) {
    throw new ProvisioningError('not-authorised', `the server does not let us (${status})`, {
      retry: status === 401,
    });
  }
  if (status === 429 || status >= 500) {
    const retryAfterMs = retryAfter(headers['retry-after']);
    throw new ProvisioningError('busy', `the server answers ${status}`, { retry: true, retryAfterMs });
  }
  if (status >= 300 && status < 400)
    throw new ProvisioningError('bad-answer', `the server answers ${status}`);
  return answer;
}

/** RFC 9110 section 10.2.3: seconds or a date. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : undefined;
}

/** Challenges of several schemes in one line (RFC 9110 section 11.6.1). */
function splitChallenges(header: string): string[] {
  return header.split(/,\s*(?=[A-Za-z][A-Za-z0-9-]*\s+[A-Za-z]+=)/);
}
