import { createHash } from 'node:crypto';
import type { Element } from '@xmldom/xmldom';
import type { Handset } from '../call/handset.ts';
import type { Handsets } from '../parts/handsets.ts';
import {
  diversionOf,
  firstDocument,
  follow,
  parseDocument,
  tableOf,
  writeXml,
  XcapConflict,
} from './simservs-rules.ts';

/** What a node selector of the lab can name. */
export type XcapNode = 'document' | 'communication-diversion';

export interface XcapResource {
  text: string;
  /** Of the whole document, also for an element of it (RFC 4825 section 7.11). */
  etag: string;
}

/**
 * The documents of supplementary services of all handsets (3GPP TS 24.623). What a handset dials shows in its document,
 * and what is written there is what the switch does.
 */
export class Simservs {
  readonly #handsets: Handsets;
  readonly #texts: Map<string, string>;

  /** @param kept what the state file has, by number */
  constructor(handsets: Handsets, kept: Readonly<Record<string, string>> = {}) {
    this.#handsets = handsets;
    this.#texts = new Map(Object.entries(kept));
  }

  /** @returns undefined when there is no such element */
  read(handset: Handset, node: XcapNode): XcapResource | undefined {
    const text = this.#current(handset);
    const etag = etagOf(text);
    if (node === 'document') return { text, etag };
    const element = diversionOf(parseDocument(text, 'simservs'));
    return element && { text: writeXml(element), etag };
  }

  /**
   * The switch does what is written when this returns.
   * @returns the new tag, or undefined: the condition does not hold
   * @throws XcapConflict
   */
  write(
    handset: Handset,
    {
      node,
      text,
      ifMatch,
      ifNoneMatch,
    }: { node: XcapNode; text: string; ifMatch?: string; ifNoneMatch?: string },
  ): string | undefined {
    const { etag, text: before } = this.#resource(handset);
    if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== etag) return undefined;
    if (ifNoneMatch === '*' || ifNoneMatch === etag) return undefined;
    const after = node === 'document' ? text : withDiversion(before, text);
    const table = tableOf(parseDocument(after, 'simservs'));
    if (Object.values(table).some(({ to }) => to === handset.number)) {
      throw new XcapConflict('constraint-failure', 'A number cannot be forwarded to itself');
    }
    this.#texts.set(handset.number, after);
    this.#handsets.setForwarding(handset.number, table);
    return etagOf(this.#current(handset));
  }

  /** Documents that were written, by number. */
  snapshot(): Record<string, string> {
    return Object.fromEntries(this.#texts);
  }

  #resource(handset: Handset): XcapResource {
    const text = this.#current(handset);
    return { text, etag: etagOf(text) };
  }

  #current(handset: Handset): string {
    const document = parseDocument(this.#texts.get(handset.number) ?? firstDocument(), 'simservs');
    follow(document, handset.forwarding.snapshot());
    return writeXml(document);
  }
}

function withDiversion(before: string, text: string): string {
  const document = parseDocument(before, 'simservs');
  const fragment = parseDocument(text, 'communication-diversion').documentElement as Element;
  const element = document.importNode(fragment, true);
  const old = diversionOf(document);
  if (old) old.parentNode?.replaceChild(element, old);
  else document.documentElement?.appendChild(element);
  return writeXml(document);
}

function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
}
