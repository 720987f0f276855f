import { DOMParser, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';
import type { Forwarding, ForwardingCondition, ForwardingSnapshot } from '../model/forwarding-table.ts';

/** The words of 3GPP TS 24.604 for what the switch keeps in its table. */
const ss = 'http://uri.etsi.org/ngn/params/xml/simservs/xcap';
const cp = 'urn:ietf:params:xml:ns:common-policy';

/** Of a condition of the table, the conditions of rules; the first is the one that counts when both are there. */
const conditions: Readonly<Record<ForwardingCondition, readonly string[]>> = {
  unconditional: [''],
  busy: ['busy'],
  'no-reply': ['no-answer'],
  'not-reachable': ['not-reachable', 'not-registered'],
};
const tableConditions = Object.keys(conditions) as ForwardingCondition[];

/** A document that the server does not take, with the element of RFC 4825 section 11 that says why. */
export class XcapConflict extends Error {
  readonly element:
    | 'not-well-formed'
    | 'schema-validation-error'
    | 'constraint-failure'
    | 'uniqueness-failure';

  constructor(element: XcapConflict['element'], phrase: string) {
    super(phrase);
    this.name = 'XcapConflict';
    this.element = element;
  }
}

/** What a subscriber of the lab begins with: several services, and one of the carrier's own making. */
export function firstDocument(): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<simservs xmlns="${ss}" xmlns:cp="${cp}" xmlns:lab="urn:ringthrough:lab">
  <originating-identity-presentation active="true"/>
  <originating-identity-presentation-restriction active="true">
    <default-behaviour>presentation-not-restricted</default-behaviour>
  </originating-identity-presentation-restriction>
  <communication-waiting active="false"/>
  <communication-diversion active="true">
    <NoReplyTimer>20</NoReplyTimer>
    <cp:ruleset/>
  </communication-diversion>
  <incoming-communication-barring active="false"/>
  <lab:ringback-tune><![CDATA[Für Elise & more]]></lab:ringback-tune>
</simservs>
`;
}

/** @throws XcapConflict `not-well-formed`, `schema-validation-error` */
export function parseDocument(text: string, root: 'simservs' | 'communication-diversion'): Document {
  if (/<!DOCTYPE/i.test(text)) throw new XcapConflict('not-well-formed', 'No document type declarations');
  let fault = false;
  let document: Document | undefined;
  try {
    document = new DOMParser({
      onError: () => {
        fault = true;
      },
    }).parseFromString(text, 'text/xml');
  } catch {
    fault = true;
  }
  const element = document?.documentElement;
  if (fault || !document || !element) throw new XcapConflict('not-well-formed', 'No well-formed XML');
  if (element.namespaceURI !== ss || element.localName !== root) {
    throw new XcapConflict('schema-validation-error', `The root has to be ${root}`);
  }
  return document;
}

export const writeXml = (node: Document | Element): string => new XMLSerializer().serializeToString(node);

/** The element communication-diversion of a document. */
export function diversionOf(document: Document): Element | undefined {
  return document.documentElement
    ? childrenOf(document.documentElement, ss, 'communication-diversion')[0]
    : undefined;
}

/**
 * What the switch has to do by this document.
 * @throws XcapConflict when a rule cannot be kept
 */
export function tableOf(document: Document): ForwardingSnapshot {
  const service = diversionOf(document);
  if (!service) return {};
  const asleep = service.getAttribute('active') === 'false';
  const noReplySeconds = timerOf(service) ?? 20;
  const ids = rulesOf(service).map((rule) => rule.getAttribute('id'));
  if (new Set(ids).size < ids.length)
    throw new XcapConflict('uniqueness-failure', 'Rules need ids of their own');
  const table: ForwardingSnapshot = {};
  for (const condition of tableConditions) {
    const rule = ruleFor(service, condition);
    const to = rule && numberOf(rule);
    if (to) table[condition] = { to, active: !asleep && !isDeactivated(rule), noReplySeconds };
  }
  return table;
}

/** Brings a document in line with the table, where a handset has changed that; all else stays. */
export function follow(document: Document, table: ForwardingSnapshot): void {
  const now = tableOf(document);
  const changed = tableConditions.filter(
    (condition) => !sameForwarding(now[condition], table[condition], condition),
  );
  if (changed.length === 0) return;
  const service = diversionOf(document) ?? addService(document);
  service.setAttribute('active', 'true');
  const seconds = table['no-reply']?.noReplySeconds;
  if (seconds !== undefined) childOrNew(service, ss, 'NoReplyTimer').textContent = String(seconds);
  // A service that slept is awake now: each rule says itself whether it is.
  for (const condition of tableConditions) {
    for (const name of conditions[condition]) write(service, name, table[condition]);
  }
}

function sameForwarding(
  a: Forwarding | undefined,
  b: Forwarding | undefined,
  condition: ForwardingCondition,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  const sameTime = condition !== 'no-reply' || a.noReplySeconds === b.noReplySeconds;
  return a.to === b.to && a.active === b.active && sameTime;
}

function childrenOf(parent: Element, namespace: string, name: string): Element[] {
  return Array.from(parent.childNodes).filter(
    (node): node is Element =>
      node.nodeType === 1 && node.namespaceURI === namespace && (node as Element).localName === name,
  );
}

function timerOf(service: Element): number | undefined {
  const text = childrenOf(service, ss, 'NoReplyTimer')[0]?.textContent?.trim();
  if (!text) return undefined;
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 5 && seconds <= 180) return seconds;
  throw new XcapConflict('constraint-failure', 'NoReplyTimer is from 5 to 180');
}

function rulesOf(service: Element): Element[] {
  const ruleset = childrenOf(service, cp, 'ruleset')[0];
  return ruleset ? childrenOf(ruleset, cp, 'rule') : [];
}

/** The conditions of a rule, without those that say nothing about which calls are meant. */
function meaningOf(rule: Element): string {
  const element = childrenOf(rule, cp, 'conditions')[0];
  const names = Array.from(element?.childNodes ?? [])
    .filter((node): node is Element => node.nodeType === 1)
    .map((node) => node.localName ?? '')
    .filter((name) => name !== 'rule-deactivated' && name !== 'media');
  return names.toSorted().join(' ');
}

function ruleFor(service: Element, condition: ForwardingCondition): Element | undefined {
  for (const name of conditions[condition]) {
    const rules = rulesOf(service).filter((rule) => meaningOf(rule) === name && numberOf(rule) !== undefined);
    const rule = rules.find((one) => !isDeactivated(one)) ?? rules[0];
    if (rule) return rule;
  }
  return undefined;
}

function isDeactivated(rule: Element): boolean {
  const element = childrenOf(rule, cp, 'conditions')[0];
  return element !== undefined && childrenOf(element, ss, 'rule-deactivated').length > 0;
}

/** E.164; undefined: the rule leads nowhere. */
function numberOf(rule: Element): string | undefined {
  const actions = childrenOf(rule, cp, 'actions')[0];
  const forward = actions && childrenOf(actions, ss, 'forward-to')[0];
  const target = forward && childrenOf(forward, ss, 'target')[0]?.textContent?.trim();
  if (!target) return undefined;
  const number = /^(?:tel:|sips?:)?(\+[\d().-]{7,20})(?:[@;].*)?$/i.exec(target)?.[1]?.replace(/[^+\d]/g, '');
  if (number === undefined) throw new XcapConflict('constraint-failure', 'Targets are numbers in E.164 form');
  return number;
}

function write(service: Element, name: string, forwarding: Forwarding | undefined): void {
  const rules = rulesOf(service).filter((rule) => meaningOf(rule) === name);
  if (!forwarding) {
    for (const rule of rules) rule.parentNode?.removeChild(rule);
    return;
  }
  const rule = rules[0] ?? addRule(service, name);
  const all = childOrNew(rule, cp, 'conditions');
  for (const element of childrenOf(all, ss, 'rule-deactivated')) all.removeChild(element);
  if (!forwarding.active) all.appendChild(make(all, ss, 'rule-deactivated'));
  const forward = childOrNew(childOrNew(rule, cp, 'actions'), ss, 'forward-to');
  childOrNew(forward, ss, 'target').textContent = `tel:${forwarding.to}`;
}

function addRule(service: Element, name: string): Element {
  const ruleset = childOrNew(service, cp, 'ruleset');
  const rule = make(ruleset, cp, 'rule');
  rule.setAttribute('id', `lab-${name || 'unconditional'}`);
  ruleset.appendChild(rule);
  const all = childOrNew(rule, cp, 'conditions');
  if (name !== '') all.appendChild(make(all, ss, name));
  return rule;
}

function addService(document: Document): Element {
  const root = document.documentElement as Element;
  const service = make(root, ss, 'communication-diversion');
  root.appendChild(service);
  return service;
}

function childOrNew(parent: Element, namespace: string, name: string): Element {
  const known = childrenOf(parent, namespace, name)[0];
  if (known) return known;
  const element = make(parent, namespace, name);
  if (name === 'NoReplyTimer' || name === 'conditions') parent.insertBefore(element, parent.firstChild);
  else parent.appendChild(element);
  return element;
}

function make(parent: Element, namespace: string, name: string): Element {
  const document = parent.ownerDocument as Document;
  const isDefault = parent.lookupNamespaceURI('') === namespace;
  const prefix = isDefault ? undefined : parent.lookupPrefix(namespace) || (namespace === cp ? 'cp' : 'ss');
  return document.createElementNS(namespace, prefix === undefined ? name : `${prefix}:${name}`);
}
