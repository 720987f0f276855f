import type { XcapConfig } from '../../config.ts';
import { type AskSelf, type HttpAnswer, HttpClient } from './http-client.ts';
import {
  type Provisioner,
  ProvisioningError,
  type ProvisioningOutcome,
  type ProvisioningRequest,
} from './provisioner.ts';
import { policyNamespace, Simservs, simservsNamespace } from './simservs.ts';
import { parseXml } from './xml.ts';

/** Application usage of supplementary services (3GPP TS 24.623 section 5.3.1.3). */
const auid = 'simservs.ngn.etsi.org';
const documentType = 'application/vnd.etsi.simservs+xml';
const elementType = 'application/xcap-el+xml';
const namespacesType = 'application/xcap-ns+xml';
const diversion = 'simservs/communication-diversion';
/** Others write the same document: so often our change is made anew on theirs. */
const maxRounds = 4;

/** What is on the server: `text` undefined is nothing yet. */
interface Stored {
  text: string | undefined;
  etag: string | undefined;
}

/**
 * Switches communication diversion in the subscriber's document of supplementary services: XCAP (RFC 4825) as 3GPP
 * TS 24.623 has it, with the rules of TS 24.604. A change is made on what was read and written on the condition that
 * nobody else has written meanwhile.
 */
export class XcapProvisioner implements Provisioner {
  readonly automatic = true;
  readonly #config: XcapConfig;
  readonly #http: HttpClient;

  constructor(config: XcapConfig, askSelf?: AskSelf) {
    this.#config = config;
    this.#http = new HttpClient(config, askSelf);
  }

  activate(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    const wish = {
      target: this.#target(request.cNumber),
      noReplySeconds: request.noReplySeconds,
      isOurs: leadsTo(request.cNumber),
    };
    return this.#change(request, (services) => services.activate(wish), signal);
  }

  deactivate(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    return this.#change(request, (services) => services.deactivate(leadsTo(request.cNumber)), signal);
  }

  async read(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    const stored = await this.#get(request, signal);
    const services = await this.#parse(request, stored, signal);
    return outcomeOf(services, request);
  }

  async #change(
    request: ProvisioningRequest,
    edit: (services: Simservs) => boolean,
    signal: AbortSignal,
  ): Promise<ProvisioningOutcome> {
    for (let round = 0; round < maxRounds; round += 1) {
      const stored = await this.#get(request, signal);
      const services = await this.#parse(request, stored, signal);
      const changed = edit(services);
      if (!changed || (await this.#put(request, services, { stored, signal }))) {
        return outcomeOf(services, request);
      }
    }
    throw new ProvisioningError('busy', 'others keep writing the document', { retry: true });
  }

  async #get(request: ProvisioningRequest, signal: AbortSignal): Promise<Stored> {
    const { selector } = this.#config;
    const accept = selector === 'node' ? elementType : `${documentType}, application/xml`;
    const headers = { ...this.#identity(request), accept };
    const answer = await this.#http.send({ method: 'GET', url: this.#url(request), headers }, signal);
    if (answer.status === 404) return { text: undefined, etag: undefined };
    if (answer.status !== 200) throw refused(answer);
    return { text: answer.body, etag: answer.headers.etag };
  }

  /** @returns false when somebody else was faster */
  async #put(
    request: ProvisioningRequest,
    services: Simservs,
    { stored, signal }: { stored: Stored; signal: AbortSignal },
  ): Promise<boolean> {
    const node = this.#config.selector === 'node';
    const headers = {
      ...this.#identity(request),
      'content-type': node ? elementType : documentType,
      ...condition(stored, node),
    };
    const body = node ? services.diversionText() : services.toString();
    const answer = await this.#http.send({ method: 'PUT', url: this.#url(request), headers, body }, signal);
    if (answer.status === 412) return false;
    if (answer.status === 200 || answer.status === 201 || answer.status === 204) return true;
    // Nothing to read and nothing may be made there: it is nobody's document.
    if (stored.text === undefined && (answer.status === 404 || answer.status === 409)) {
      throw new ProvisioningError('unknown-subscriber', 'the server has no such subscriber');
    }
    throw refused(answer);
  }

  async #parse(request: ProvisioningRequest, { text }: Stored, signal: AbortSignal): Promise<Simservs> {
    if (this.#config.selector === 'document')
      return text === undefined ? Simservs.empty() : Simservs.parse(text);
    const bindings = new Map([['cp', policyNamespace]]);
    if (text !== undefined && hasUndeclaredPrefix(text)) {
      for (const [prefix, uri] of await this.#bindings(request, signal)) bindings.set(prefix, uri);
    }
    return Simservs.ofDiversion(text, bindings);
  }

  /** Prefixes that the element has from those around it (RFC 4825 section 7.10). */
  async #bindings(request: ProvisioningRequest, signal: AbortSignal): Promise<Map<string, string>> {
    const headers = { ...this.#identity(request), accept: namespacesType };
    const url = `${this.#url(request)}/namespace::*`;
    const answer = await this.#http.send({ method: 'GET', url, headers }, signal);
    const found = new Map([['', simservsNamespace]]);
    if (answer.status !== 200) return found;
    for (const { name, value } of Array.from(parseXml(answer.body).documentElement?.attributes ?? [])) {
      if (name === 'xmlns') found.set('', value);
      else if (name.startsWith('xmlns:')) found.set(name.slice('xmlns:'.length), value);
    }
    return found;
  }

  #url(request: ProvisioningRequest): string {
    const { url, user, document, selector } = this.#config;
    const identity = user
      .replaceAll('{number}', request.number)
      .replaceAll('{digits}', request.number.slice(1));
    // RFC 4825 section 6.2: the identifier is one segment of the path.
    const segment = encodeURIComponent(identity).replaceAll('%3A', ':').replaceAll('%40', '@');
    const path = `${url.replace(/\/+$/, '')}/${auid}/users/${segment}/${document}`;
    return selector === 'node' ? `${path}/~~/${diversion}` : path;
  }

  #target(cNumber: string): string {
    return this.#config.target.replaceAll('{cNumber}', cNumber).replaceAll('{cDigits}', cNumber.slice(1));
  }

  #identity(request: ProvisioningRequest): Record<string, string> {
    const { intendedIdentity } = this.#config;
    return intendedIdentity ? { 'x-3gpp-intended-identity': `"tel:${request.number}"` } : {};
  }
}

/** RFC 4825 section 7.11. A missing element has the tag of the document, which we do not know then. */
function condition({ text, etag }: Stored, node: boolean): Record<string, string> {
  if (text === undefined) return node ? {} : { 'if-none-match': '*' };
  return etag === undefined ? {} : { 'if-match': etag };
}

function outcomeOf(services: Simservs, { cNumber }: ProvisioningRequest): ProvisioningOutcome {
  const { active, noReplySeconds } = services.status(leadsTo(cNumber));
  return { state: active ? 'active' : 'inactive', noReplySeconds, source: 'carrier' };
}

/** A target is a tel or sip URI, or a bare number; with separators (RFC 3966), and with or without plus. */
function leadsTo(cNumber: string): (target: string) => boolean {
  const digits = cNumber.slice(1);
  return (target) => {
    const user = /^(?:(?:tel|sips?):)?([^@;?]*)/i.exec(target)?.[1] ?? '';
    return user.replace(/[-.()\s]/g, '').replace(/^(\+|00)/, '') === digits;
  };
}

/** The error that the server names (RFC 4825 section 11), never its text: that may hold numbers. */
function refused({ status, body, headers }: HttpAnswer): ProvisioningError {
  const named = headers['content-type']?.includes('xcap-error')
    ? /<(?:[\w-]+:)?(schema-validation-error|not-well-formed|not-xml-frag|no-parent|constraint-failure|cannot-insert|not-xml-att-value|cannot-delete|uniqueness-failure|not-utf-8|extension)\b/.exec(
        body,
      )?.[1]
    : undefined;
  return new ProvisioningError('refused', `the server answers ${status}${named ? ` (${named})` : ''}`);
}

function hasUndeclaredPrefix(text: string): boolean {
  const declared = new Set([...text.matchAll(/\bxmlns:([\w.-]+)\s*=/g)].map(([, prefix]) => prefix));
  const used = [...text.matchAll(/<\/?([\w.-]+):|\s([\w.-]+):[\w.-]+\s*=/g)].map(
    ([, tag, name]) => tag ?? name,
  );
  return used.some(
    (prefix) => prefix !== 'xmlns' && prefix !== 'xml' && prefix !== 'cp' && !declared.has(prefix),
  );
}
