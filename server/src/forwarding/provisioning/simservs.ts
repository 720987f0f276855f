import type { Document, Element } from '@xmldom/xmldom';
import { ProvisioningError } from './provisioner.ts';
import { child, childElements, isNamed, newElement, parseXml, writeXml } from './xml.ts';

/** 3GPP TS 24.623 section 6.1, TS 24.604 section 4.9. */
export const simservsNamespace = 'http://uri.etsi.org/ngn/params/xml/simservs/xcap';
/** RFC 4745. */
export const policyNamespace = 'urn:ietf:params:xml:ns:common-policy';

/** When calls are diverted to us; "not logged in" is `not-registered` there. */
export const diversionConditions = ['busy', 'no-answer', 'not-reachable', 'not-registered'] as const;
export type DiversionCondition = (typeof diversionConditions)[number];

/** What the rules say of the calls that a person cannot take. */
export interface DiversionStatus {
  active: boolean;
  /** `NoReplyTimer`; null: that of the network. */
  noReplySeconds: number | null;
}

export interface DiversionWish {
  /** URI that calls are diverted to. */
  target: string;
  noReplySeconds: number | null;
  /** Whether a target found in the document leads to us. */
  isOurs: (target: string) => boolean;
}

/** Begins the names of the rules that are ours to remove. */
const ownPrefix = 'ringthrough-';

/**
 * The communication diversion in a document of supplementary services (3GPP TS 24.604). Changing it leaves all else in
 * the document as it is: other services, rules under other conditions, elements of unknown namespaces, comments.
 */
export class Simservs {
  readonly #document: Document;
  /** The root of the document, or what stands for it around a fragment. */
  readonly #root: Element;

  private constructor(document: Document, root: Element) {
    this.#document = document;
    this.#root = root;
  }

  /** @throws ProvisioningError `bad-answer` */
  static parse(text: string): Simservs {
    const document = parseXml(text);
    const root = document.documentElement;
    if (!root || !isNamed(root, simservsNamespace, 'simservs')) {
      throw new ProvisioningError('bad-answer', 'the document is none of supplementary services');
    }
    return new Simservs(document, root);
  }

  /** The element communication-diversion alone, as node selectors give it; undefined: there is none yet. */
  static ofDiversion(text: string | undefined, bindings: ReadonlyMap<string, string> = new Map()): Simservs {
    const declared = [...bindings].map(
      ([prefix, uri]) => ` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${escapeAttribute(uri)}"`,
    );
    const standard = bindings.has('') ? '' : ` xmlns="${simservsNamespace}"`;
    const fragment = (text ?? '').replace(/^\uFEFF?\s*<\?xml[^>]*\?>/, '');
    const document = parseXml(`<around${standard}${declared.join('')}>${fragment}</around>`);
    const root = document.documentElement as Element;
    const children = childElements(root);
    const diversion = children[0];
    if (
      children.length > 1 ||
      (diversion && !isNamed(diversion, simservsNamespace, 'communication-diversion'))
    ) {
      throw new ProvisioningError('bad-answer', 'the fragment is no communication diversion');
    }
    return new Simservs(document, root);
  }

  /** A document of somebody who has none yet. */
  static empty(): Simservs {
    const namespaces = `xmlns="${simservsNamespace}" xmlns:cp="${policyNamespace}"`;
    return Simservs.parse(`<?xml version="1.0" encoding="UTF-8"?>\n<simservs ${namespaces}/>\n`);
  }

  status(isOurs: (target: string) => boolean): DiversionStatus {
    const service = this.#service();
    if (!service) return { active: false, noReplySeconds: null };
    const noReplySeconds = secondsIn(child(service, simservsNamespace, 'NoReplyTimer'));
    const leadsHere = (condition: DiversionCondition): boolean => {
      const rule = rulesFor(service, condition).find((one) => !isDeactivated(one));
      const target = rule && targetOf(rule)?.textContent;
      return target !== undefined && target !== null && isOurs(target.trim());
    };
    // Who is out of reach may be not registered, not reachable, or either, as the network has it.
    const unreachable = leadsHere('not-reachable') || leadsHere('not-registered');
    const active = isServiceActive(service) && leadsHere('busy') && leadsHere('no-answer') && unreachable;
    return { active, noReplySeconds };
  }

  /** Busy, unanswered and unreachable calls go to the target. @returns whether anything had to be changed */
  activate(wish: DiversionWish): boolean {
    const before = writeXml(this.#root);
    const service = this.#service() ?? this.#addService();
    if (!isServiceActive(service)) {
      // These slept: switching the service on must not wake them.
      for (const rule of rulesOf(service)) addDeactivation(rule);
    }
    if (!isServiceActive(service)) service.setAttribute('active', 'true');
    if (wish.noReplySeconds !== null) setTimer(service, wish.noReplySeconds);
    for (const condition of diversionConditions) direct(service, condition, wish.target);
    return writeXml(this.#root) !== before;
  }

  /** Whatever leads to us does so no more. Rules that others made stay, switched off. */
  deactivate(isOurs: (target: string) => boolean): boolean {
    const before = writeXml(this.#root);
    const service = this.#service();
    for (const rule of service ? rulesOf(service) : []) {
      const target = targetOf(rule)?.textContent?.trim();
      if (!target || !isOurs(target)) continue;
      if (rule.getAttribute('id')?.startsWith(ownPrefix)) removeWithIndent(rule);
      else addDeactivation(rule);
    }
    return writeXml(this.#root) !== before;
  }

  /** The whole document. */
  toString(): string {
    return writeXml(this.#document);
  }

  /** The element communication-diversion, with the namespaces that it uses. */
  diversionText(): string {
    const service = this.#service() ?? this.#addService();
    return writeXml(service);
  }

  #service(): Element | undefined {
    return child(this.#root, simservsNamespace, 'communication-diversion');
  }

  #addService(): Element {
    const service = newElement(this.#root, own('communication-diversion'));
    service.setAttribute('active', 'true');
    // What is no service comes last (TS 24.623 annex A).
    this.#root.insertBefore(service, child(this.#root, simservsNamespace, 'extensions') ?? null);
    return service;
  }
}

const own = (name: string) => ({ namespace: simservsNamespace, name, prefix: 'ss' });
const policy = (name: string) => ({ namespace: policyNamespace, name, prefix: 'cp' });

/** The attribute is true where it is absent (TS 24.623 annex A). */
function isServiceActive(service: Element): boolean {
  const active = service.getAttribute('active')?.trim() ?? '';
  return active !== 'false' && active !== '0';
}

function rulesetOf(service: Element): Element | undefined {
  return child(service, policyNamespace, 'ruleset');
}

function rulesOf(service: Element): Element[] {
  const ruleset = rulesetOf(service);
  return ruleset ? childElements(ruleset).filter((one) => isNamed(one, policyNamespace, 'rule')) : [];
}

/** Rules under this condition alone: not those of certain callers, times or media other than audio. */
function rulesFor(service: Element, condition: DiversionCondition): Element[] {
  return rulesOf(service).filter((rule) => {
    const conditions = child(rule, policyNamespace, 'conditions');
    const meant = conditions ? childElements(conditions).filter((one) => !isIdle(one)) : [];
    return meant.length === 1 && meant[0] !== undefined && isNamed(meant[0], simservsNamespace, condition);
  });
}

/** Says nothing about which calls of a telephone are meant. */
function isIdle(condition: Element): boolean {
  if (isNamed(condition, simservsNamespace, 'rule-deactivated')) return true;
  return isNamed(condition, simservsNamespace, 'media') && condition.textContent?.trim() === 'audio';
}

function isDeactivated(rule: Element): boolean {
  const conditions = child(rule, policyNamespace, 'conditions');
  return conditions !== undefined && child(conditions, simservsNamespace, 'rule-deactivated') !== undefined;
}

function addDeactivation(rule: Element): void {
  if (isDeactivated(rule)) return;
  const conditions = child(rule, policyNamespace, 'conditions') ?? addConditions(rule);
  conditions.insertBefore(newElement(conditions, own('rule-deactivated')), conditions.firstChild);
}

function addConditions(rule: Element): Element {
  const conditions = newElement(rule, policy('conditions'));
  rule.insertBefore(conditions, rule.firstChild);
  return conditions;
}

function targetOf(rule: Element): Element | undefined {
  const actions = child(rule, policyNamespace, 'actions');
  const forward = actions && child(actions, simservsNamespace, 'forward-to');
  return forward && child(forward, simservsNamespace, 'target');
}

/** As a phone does it: the rule that is there for this condition is given the new target. */
function direct(service: Element, condition: DiversionCondition, target: string): void {
  const rules = rulesFor(service, condition);
  const rule = rules.find((one) => !isDeactivated(one)) ?? rules[0] ?? addRule(service, condition);
  const conditions = child(rule, policyNamespace, 'conditions');
  const deactivation = conditions && child(conditions, simservsNamespace, 'rule-deactivated');
  if (deactivation) removeWithIndent(deactivation);
  const element = targetOf(rule) ?? addTarget(rule);
  if (element.textContent?.trim() !== target) element.textContent = target;
}

function addRule(service: Element, condition: DiversionCondition): Element {
  const ruleset = rulesetOf(service) ?? addRuleset(service);
  const taken = new Set(rulesOf(service).map((rule) => rule.getAttribute('id')));
  let id = `${ownPrefix}${condition}`;
  for (let count = 2; taken.has(id); count += 1) id = `${ownPrefix}${condition}-${count}`;
  const rule = newElement(ruleset, policy('rule'));
  rule.setAttribute('id', id);
  ruleset.appendChild(rule);
  const conditions = addConditions(rule);
  conditions.appendChild(newElement(conditions, own(condition)));
  return rule;
}

/** After the timer, before extensions of others (TS 24.604 section 4.9.2). */
function addRuleset(service: Element): Element {
  const ruleset = newElement(service, policy('ruleset'));
  const timer = child(service, simservsNamespace, 'NoReplyTimer');
  service.insertBefore(ruleset, timer ? timer.nextSibling : service.firstChild);
  return ruleset;
}

function addTarget(rule: Element): Element {
  const actions = child(rule, policyNamespace, 'actions') ?? append(rule, policy('actions'));
  const forward = child(actions, simservsNamespace, 'forward-to') ?? append(actions, own('forward-to'));
  const target = newElement(forward, own('target'));
  forward.insertBefore(target, forward.firstChild);
  return target;
}

function append(parent: Element, what: { namespace: string; name: string; prefix: string }): Element {
  const element = newElement(parent, what);
  parent.appendChild(element);
  return element;
}

function setTimer(service: Element, seconds: number): void {
  let timer = child(service, simservsNamespace, 'NoReplyTimer');
  if (!timer) {
    timer = newElement(service, own('NoReplyTimer'));
    service.insertBefore(timer, service.firstChild);
  }
  if (secondsIn(timer) !== seconds) timer.textContent = String(seconds);
}

function secondsIn(timer: Element | undefined): number | null {
  const seconds = Number(timer?.textContent?.trim() || Number.NaN);
  return Number.isInteger(seconds) && seconds > 0 && seconds < 1000 ? seconds : null;
}

/** And not the empty line that it stood on. */
function removeWithIndent(element: Element): void {
  const { previousSibling: before, parentNode: parent } = element;
  if (before?.nodeType === 3 && /^\s*$/.test(before.nodeValue ?? '')) parent?.removeChild(before);
  parent?.removeChild(element);
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
