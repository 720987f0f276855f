import { Resolver } from 'node:dns/promises';
import type { PortabilityLookup } from './portability.ts';

export interface EnumLookupOptions {
  /** Such as e164.arpa. */
  zone: string;
  /** address or address:port; default: those of the system. */
  servers?: readonly string[] | undefined;
  timeoutMs: number;
}

interface Naptr {
  flags: string;
  service: string;
  regexp: string;
  order: number;
  preference: number;
}

const notThere = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * Portability by ENUM (RFC 6116): the NAPTR records of a number hold a URI with the routing number of the network that
 * it was ported to (`rn`, RFC 4694; enumservice `pstn`, RFC 4769), its SPID (`spn`), or a domain of that network.
 */
export class EnumLookup implements PortabilityLookup {
  readonly #options: EnumLookupOptions;

  constructor(options: EnumLookupOptions) {
    this.#options = options;
  }

  async networksOf(number: string, signal: AbortSignal): Promise<readonly string[]> {
    const { servers, timeoutMs } = this.#options;
    // One for each question: cancelling ends all questions of a resolver.
    const resolver = new Resolver({ timeout: Math.max(100, Math.floor(timeoutMs / 2)), tries: 2 });
    if (servers) resolver.setServers([...servers]);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return networksIn(await resolver.resolveNaptr(this.nameOf(number)), number);
    } catch (error) {
      if (notThere.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** RFC 6116 section 3.2: the digits in reverse order. */
  nameOf(number: string): string {
    return `${[...number.slice(1)].reverse().join('.')}.${this.#options.zone}`;
  }
}

/** The first record, in the order of RFC 3403 section 4.1, that names a network. */
export function networksIn(records: readonly Naptr[], number: string): readonly string[] {
  const terminal = records
    .filter(
      ({ flags, service }) => flags.toLowerCase() === 'u' && /(^|\+)e2u\b.*\+pstn|^e2u\+pstn/i.test(service),
    )
    .toSorted((a, b) => a.order - b.order || a.preference - b.preference);
  for (const { regexp } of terminal) {
    const uri = substituted(regexp, number);
    const networks = uri === undefined ? [] : networksOfUri(uri);
    if (networks.length > 0) return networks;
  }
  return [];
}

/** What a pattern may repeat or leave open: beyond, the ways to match sixteen characters are too many to try. */
const maxChoices = 4;

/**
 * `!pattern!replacement!flags` (RFC 3402 section 3.2). Patterns come from the network, in public ENUM from whoever has the
 * number: one that repeats a group, or has many choices, is not run, as it may take for ever.
 */
function substituted(expression: string, number: string): string | undefined {
  const delimiter = expression[0] ?? '';
  if (delimiter === '' || expression.length > 512) return undefined;
  const [, pattern = '', replacement = '', flags = '', ...more] = expression.split(delimiter);
  if (more.length > 0 || !isQuick(pattern)) return undefined;
  try {
    const match = new RegExp(pattern, flags.toLowerCase() === 'i' ? 'i' : '').exec(number);
    return match
      ? replacement.replace(/\\(\d)/g, (_, group: string) => match[Number(group)] ?? '')
      : undefined;
  } catch {
    return undefined;
  }
}

function isQuick(pattern: string): boolean {
  const choices = pattern.replace(/\\./g, '').match(/[*+?{|]/g) ?? [];
  return choices.length <= maxChoices && !/\)[*+?{]/.test(pattern);
}

/** `tel:+1…;npdi;rn=+1…`, the same in the user part of a SIP URI, or a SIP URI in the domain of a 3GPP network. */
function networksOfUri(uri: string): string[] {
  const parameter = (name: string): string | undefined =>
    new RegExp(`;${name}=([^;@?>]+)`, 'i').exec(uri)?.[1]?.replace(/[-.()]/g, '');
  const networks = [parameter('rn'), parameter('spn')].filter((name) => name !== undefined);
  const domain = /@[^;?>]*?\bmnc(\d{2,3})\.mcc(\d{3})\.3gppnetwork\.org/i.exec(uri);
  if (domain) {
    const [, mnc = '', mcc = ''] = domain;
    networks.push(mcc + mnc);
    // Codes of two digits are written with a zero before (3GPP TS 23.003 section 13.2).
    if (mnc.length === 3 && mnc.startsWith('0')) networks.push(mcc + mnc.slice(1));
  }
  return networks;
}
