import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bareDocument, phoneDocument, prefixedDocument } from '../testing/documents.ts';
import { ProvisioningError } from './provisioner.ts';
import { policyNamespace, Simservs, simservsNamespace } from './simservs.ts';
import { child, childElements, parseXml, writeXml } from './xml.ts';

const target = 'tel:+14155559000';
const isOurs = (found: string) => found === target;
const wish = { target, noReplySeconds: null, isOurs };

const documents = { phoneDocument, prefixedDocument, bareDocument };

/** All but the communication diversion, and in it all but timer and rules. */
function others(text: string): string {
  const document = parseXml(text);
  const root = document.documentElement;
  const service = root && child(root, simservsNamespace, 'communication-diversion');
  if (root && service) {
    const kept = childElements(service).filter(
      ({ localName }) => localName !== 'NoReplyTimer' && localName !== 'ruleset',
    );
    const place = document.createElement('place');
    for (const element of kept) place.appendChild(element);
    root.replaceChild(place, service);
    if (kept.length === 0) root.removeChild(place);
  }
  return writeXml(document).replace(/>\s+</g, '><');
}

function ruleIds(text: string): Array<string | null> {
  const root = parseXml(text).documentElement;
  const service = root && child(root, simservsNamespace, 'communication-diversion');
  const ruleset = service && child(service, policyNamespace, 'ruleset');
  return ruleset ? childElements(ruleset).map((rule) => rule.getAttribute('id')) : [];
}

describe('Simservs (3GPP TS 24.623, TS 24.604)', () => {
  it.each(Object.entries(documents))('%s: is switched on and off again, and all else stays', (_, text) => {
    const services = Simservs.parse(text);
    expect(services.status(isOurs).active).toBe(false);
    expect(services.activate({ ...wish, noReplySeconds: 25 })).toBe(true);
    const on = Simservs.parse(services.toString());
    expect(on.status(isOurs)).toEqual({ active: true, noReplySeconds: 25 });
    expect(others(on.toString())).toBe(others(text));
    expect(on.activate({ ...wish, noReplySeconds: 25 })).toBe(false);
    expect(on.deactivate(isOurs)).toBe(true);
    const off = Simservs.parse(on.toString());
    expect(off.status(isOurs).active).toBe(false);
    expect(others(off.toString())).toBe(others(text));
    expect(off.deactivate(isOurs)).toBe(false);
  });

  it('gives the rules that a phone made our target, makes those that are missing, and leaves special ones', () => {
    const services = Simservs.parse(phoneDocument);
    services.activate(wish);
    const text = services.toString();
    expect(ruleIds(text)).toEqual([
      'call-diversion-unconditional',
      'call-diversion-busy',
      'call-diversion-no-reply',
      'boss',
      'ringthrough-not-reachable',
      'ringthrough-not-registered',
    ]);
    expect(text).toContain(
      '<cp:conditions><busy/><media>audio</media></cp:conditions>\n        <cp:actions><forward-to><target>tel:+14155559000</target><notify-caller>false</notify-caller>',
    );
    expect(text).toContain('<cp:conditions><no-answer/></cp:conditions>');
    expect(text).toContain('<target>tel:+12125550122</target>');
    expect(text).toContain(
      '<cp:conditions><rule-deactivated/></cp:conditions>\n        <cp:actions><forward-to><target>tel:+12125550100',
    );
  });

  it('takes its own rules away, and switches those off that a phone made', () => {
    const services = Simservs.parse(phoneDocument);
    services.activate(wish);
    services.deactivate(isOurs);
    const text = services.toString();
    expect(ruleIds(text)).toEqual(ruleIds(phoneDocument));
    expect(text).toContain('<cp:conditions><rule-deactivated/><busy/><media>audio</media></cp:conditions>');
  });

  it('does not wake rules that slept with the service', () => {
    const services = Simservs.parse(prefixedDocument);
    services.activate(wish);
    const text = services.toString();
    expect(text).toContain('active="true"><ruleset');
    expect(text).toMatch(
      /<conditions><ss:rule-deactivated\/><\/conditions><actions><ss:forward-to><ss:target>sip:/,
    );
  });

  it('keeps to the order of the schema: timer, rules, and services before extensions', () => {
    const services = Simservs.parse(
      `<simservs xmlns="${simservsNamespace}"><extensions><x xmlns="urn:x"/></extensions></simservs>`,
    );
    services.activate({ ...wish, noReplySeconds: 5 });
    const text = services.toString();
    expect(text.indexOf('<NoReplyTimer>5<')).toBeLessThan(text.indexOf('ruleset'));
    expect(text.indexOf('communication-diversion')).toBeLessThan(text.indexOf('<extensions'));
  });

  it.each([
    ['a rule that is switched off', '<busy/><rule-deactivated/>', 'active="true"', target, false],
    ['a service that is switched off', '<busy/>', 'active="false"', target, false],
    ['a target of somebody else', '<busy/>', '', 'tel:+12125550100', false],
    ['all in place', '<busy/>', '', target, true],
  ])('status: %s', (_, busy, attribute, to, active) => {
    const rule = (conditions: string, at: string) =>
      `<cp:rule id="${conditions.length}"><cp:conditions>${conditions}</cp:conditions><cp:actions><forward-to><target>${at}</target></forward-to></cp:actions></cp:rule>`;
    const rules = rule(busy, to) + rule('<no-answer/>', target) + rule('<not-registered/>', target);
    const text = `<simservs xmlns="${simservsNamespace}" xmlns:cp="${policyNamespace}"><communication-diversion ${attribute}><cp:ruleset>${rules}</cp:ruleset></communication-diversion></simservs>`;
    expect(Simservs.parse(text).status(isOurs).active).toBe(active);
  });

  it('edits the element alone, with prefixes declared around it', () => {
    const fragment =
      '<ss:communication-diversion active="true"><p:ruleset><p:rule id="a"><p:conditions><ss:busy/></p:conditions><p:actions><ss:forward-to><ss:target>tel:+1</ss:target></ss:forward-to></p:actions></p:rule></p:ruleset></ss:communication-diversion>';
    const bindings = new Map([
      ['ss', simservsNamespace],
      ['p', policyNamespace],
    ]);
    const services = Simservs.ofDiversion(fragment, bindings);
    services.activate(wish);
    const written = services.diversionText();
    expect(written).toMatch(/^<ss:communication-diversion [^>]*xmlns:ss=/);
    expect(Simservs.ofDiversion(written).status(isOurs).active).toBe(true);
    const fresh = Simservs.ofDiversion(undefined);
    fresh.activate(wish);
    expect(Simservs.ofDiversion(fresh.diversionText()).status(isOurs).active).toBe(true);
  });

  it.each([
    ['no XML', '<simservs'],
    ['another document', '<a/>'],
    ['an entity that grows', '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>'],
    ['an entity that is not declared', `<simservs xmlns="${simservsNamespace}">&x;</simservs>`],
    ['an undeclared prefix', `<simservs xmlns="${simservsNamespace}"><y:z/></simservs>`],
  ])('refuses %s', (_, text) => {
    expect(() => Simservs.parse(text)).toThrow(ProvisioningError);
  });

  it('keeps whatever else is in any document', () => {
    const name = fc.constantFrom('a', 'b', 'op:c', 'deep', 'communication-waiting');
    const text = fc.string({ maxLength: 20 }).map((value) =>
      // Characters that XML has.
      value.replace(/[^\t\n\r\x20-퟿-�]/g, '').replace(/[<&>"\r]/g, (found) => `&#${found.charCodeAt(0)};`),
    );
    const leaf = fc.oneof(
      text,
      fc.constant('<!-- c -->'),
      fc.constant('<![CDATA[<x>&]]>'),
      fc.constant('<?p i?>'),
    );
    const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
      content: fc.oneof({ depthSize: 'small' }, leaf, tie('element')),
      element: fc
        .tuple(name, text, fc.array(tie('content'), { maxLength: 3 }))
        .map(([tag, value, content]) => `<${tag} op:v="${value}">${content.join('')}</${tag}>`),
    }));
    const head = `<simservs xmlns="${simservsNamespace}" xmlns:cp="${policyNamespace}" xmlns:op="urn:op">`;
    const middle = fc.constantFrom(
      '',
      '<communication-diversion/>',
      '<communication-diversion active="false"><cp:ruleset/></communication-diversion>',
      '<communication-diversion><op:x/><cp:ruleset><cp:rule id="r"><cp:conditions><busy/></cp:conditions></cp:rule></cp:ruleset></communication-diversion>',
    );
    fc.assert(
      fc.property(
        fc.array(element, { maxLength: 4 }),
        middle,
        fc.array(element, { maxLength: 4 }),
        (a, m, b) => {
          const before = `${head}${a.join('')}${m}${b.join('')}</simservs>`;
          const services = Simservs.parse(before);
          services.activate(wish);
          const on = services.toString();
          expect(others(on)).toBe(others(before));
          const again = Simservs.parse(on);
          expect(again.status(isOurs).active).toBe(true);
          again.deactivate(isOurs);
          expect(others(again.toString())).toBe(others(before));
          expect(again.status(isOurs).active).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });
});
