/** What a link of the client wants a handset to do: filled in, for the person to press the button. */
export type HandOver =
  | { kind: 'dial'; text: string; handset: string | undefined }
  | { kind: 'sms'; to: string; text: string; handset: string | undefined };

/**
 * Reads `#dial=+14155559002`, `#dial=tel:…`, `#sms=+14155559001&text=…` and `#sms=sms:+14155559001?body=…` (RFC 3966,
 * RFC 5724), each with `&handset=+14155550101` or without. A plus is a plus here, encoded or not.
 * @returns undefined when it is none of these
 */
export function parseHandOver(hash: string): HandOver | undefined {
  const fields = new Map<string, string>();
  for (const field of hash.replace(/^#/, '').split('&')) {
    const equals = field.indexOf('=');
    if (equals > 0) fields.set(field.slice(0, equals), decoded(field.slice(equals + 1)));
  }
  const handset = fields.get('handset');
  const dial = fields.get('dial');
  if (dial !== undefined) return { kind: 'dial', text: dial.replace(/^tel:/i, ''), handset };
  const sms = fields.get('sms');
  if (sms === undefined) return undefined;
  const [to = '', query = ''] = sms.replace(/^sms:/i, '').split('?', 2);
  const body = /(?:^|&)body=([^&]*)/i.exec(query)?.[1];
  return { kind: 'sms', to, text: fields.get('text') ?? decoded(body ?? ''), handset };
}

/** As it is when it is not encoded properly. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
