import { DOMParser, type Document, type Element, type Node, XMLSerializer } from '@xmldom/xmldom';
import { ProvisioningError } from './provisioner.ts';

/**
 * Reads a document of a carrier. Document type declarations are refused: they serve nothing here, and entities that
 * grow while they are expanded come with them.
 * @throws ProvisioningError `bad-answer`
 */
export function parseXml(text: string): Document {
  if (/<!DOCTYPE/i.test(text)) throw notXml('the document declares a type');
  let fault: string | undefined;
  try {
    const document = new DOMParser({ onError: (level) => (fault ??= level) }).parseFromString(
      text,
      'text/xml',
    );
    if (fault === undefined) return document;
  } catch (error) {
    // Without the parser's words: they quote the document.
    fault = (error as Error).name;
  }
  throw notXml(`the document is no XML (${fault})`);
}

/** What was read as a character reference has to be written as one, or reading it again would lose it. */
export function writeXml(node: Node): string {
  return new XMLSerializer().serializeToString(node).replaceAll('\r', '&#13;');
}

export function childElements(parent: Element): Element[] {
  const children: Element[] = [];
  for (let node = parent.firstChild; node; node = node.nextSibling) {
    if (isElement(node)) children.push(node);
  }
  return children;
}

export function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}

export function isNamed(element: Element, namespace: string, name: string): boolean {
  return element.namespaceURI === namespace && element.localName === name;
}

export function child(parent: Element, namespace: string, name: string): Element | undefined {
  return childElements(parent).find((element) => isNamed(element, namespace, name));
}

/** An element under `parent`, with the prefix that the document has for the namespace, or `prefix` where it has none. */
export function newElement(
  parent: Element,
  { namespace, name, prefix }: { namespace: string; name: string; prefix: string },
): Element {
  const document = parent.ownerDocument as Document;
  // The library knows the default namespace by the empty prefix.
  if (parent.lookupNamespaceURI('') === namespace) return document.createElementNS(namespace, name);
  const known = parent.lookupPrefix(namespace);
  let own = known || prefix;
  for (let count = 1; !known && (parent.lookupNamespaceURI(own) ?? namespace) !== namespace; count += 1) {
    own = `${prefix}${count}`;
  }
  return document.createElementNS(namespace, `${own}:${name}`);
}

function notXml(message: string): ProvisioningError {
  return new ProvisioningError('bad-answer', message, { retry: true });
}
