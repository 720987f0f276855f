import { formatNameAddr, parseNameAddr, type SipHeaders, SipRequest } from '@ringthrough/sip';
import type { HeaderRule } from '../config.ts';

/** Headers whose values are addresses with a tag, or none at all, of their dialog: copies leave those away. */
const addresses = new Set(['from', 'to']);

/**
 * Applies the rules of a trunk to an INVITE, in their order, and returns another one; without rules, the same. Which
 * headers a rule may name the configuration has checked (docs/trunks.md): none that routing or dialogs need.
 */
export function applyHeaderRules(request: SipRequest, rules: readonly HeaderRule[]): SipRequest {
  if (rules.length === 0) return request;
  const headers = request.headers.clone();
  for (const rule of rules) applyRule({ uri: request.uri, headers }, rule);
  return new SipRequest(request.method, request.uri, { headers, body: request.body });
}

function applyRule({ uri, headers }: { uri: string; headers: SipHeaders }, rule: HeaderRule): void {
  switch (rule.do) {
    case 'remove':
      headers.delete(rule.header);
      return;
    case 'set':
      headers.set(rule.header, rule.value);
      return;
    case 'copy': {
      const values = rule.from === 'Request-URI' ? [`<${uri}>`] : valuesOf(headers, rule.from);
      if (values.length === 0) return;
      headers.delete(rule.header);
      for (const value of values) headers.add(rule.header, value);
    }
  }
}

function valuesOf(headers: SipHeaders, name: string): string[] {
  const values = headers.getAll(name);
  if (!addresses.has(name.toLowerCase())) return values;
  return values.flatMap((value) => {
    const parsed = parseNameAddr(value);
    return parsed ? [formatNameAddr({ ...parsed, params: new Map() })] : [];
  });
}
