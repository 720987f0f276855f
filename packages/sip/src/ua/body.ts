import type { SipMessage } from '../message/index.ts';

/** The session description in a message. `unsupported`: there is a body, but none that we can read (415). */
export interface DescriptionOf {
  sdp: string | undefined;
  unsupported: boolean;
}

const decoder = new TextDecoder();

/** Finds the SDP in a body, alone or as a part of a multipart one (SIP-I trunks send ISUP beside it, RFC 3204). */
export function descriptionOf(message: SipMessage): DescriptionOf {
  if (message.body.length === 0) return { sdp: undefined, unsupported: false };
  const encoding = message.headers.get('Content-Encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return { sdp: undefined, unsupported: true };
  const type = message.headers.get('Content-Type') ?? 'application/sdp';
  const mime = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (mime === 'application/sdp') return { sdp: decoder.decode(message.body), unsupported: false };
  const boundary = mime.startsWith('multipart/') ? boundaryOf(type) : undefined;
  const sdp = boundary === undefined ? undefined : sdpPart(decoder.decode(message.body), boundary);
  return { sdp, unsupported: sdp === undefined };
}

function boundaryOf(contentType: string): string | undefined {
  const at = contentType.toLowerCase().indexOf('boundary=');
  if (at < 0) return undefined;
  const value = contentType.slice(at + 'boundary='.length);
  if (value.startsWith('"')) return value.slice(1, value.indexOf('"', 1));
  return value.split(';', 1)[0]?.trim();
}

/** RFC 2046 section 5.1: parts stand between lines of two hyphens and the boundary. */
function sdpPart(body: string, boundary: string): string | undefined {
  for (const part of `\r\n${body}`.split(`\r\n--${boundary}`).slice(1)) {
    const end = part.indexOf('\r\n\r\n');
    if (end < 0) continue;
    if (/^content-type:\s*application\/sdp\b/im.test(part.slice(0, end))) return `${part.slice(end + 4)}\r\n`;
  }
  return undefined;
}
