import { SipMessageError } from './errors.ts';
import { isToken } from './grammar.ts';
import type { SipMessage } from './message.ts';
import { hasBareNul, isUriText } from './parse-head.ts';

/**
 * The bytes of a message. Headers keep their order; Content-Length is set from the body, in its place or at the end.
 * Throws {@link SipMessageError} for anything that would break out of its field (CR, LF, NUL) or is no legal
 * method, Request-URI, status or header name: that is a fault of the caller.
 */
export function serializeMessage(message: SipMessage): Buffer {
  const length = String(message.body.length);
  let text = startLine(message);
  let hasLength = false;
  for (const [name, value] of message.headers.entries()) {
    if (name === 'Content-Length') {
      if (!hasLength) text += `Content-Length: ${length}\r\n`;
      hasLength = true;
      continue;
    }
    if (!isToken(name)) throw new SipMessageError('bad-header-name', 'a header name is no token');
    if (breaksOut(value))
      throw new SipMessageError('bad-value', `the value of ${name} has a line break or NUL`);
    text += `${name}: ${value}\r\n`;
  }
  text += hasLength ? '\r\n' : `Content-Length: ${length}\r\n\r\n`;
  const head = Buffer.from(text, 'utf8');
  return message.body.length === 0 ? head : Buffer.concat([head, message.body]);
}

const suspicious = /[\r\n\0]/;

function breaksOut(value: string): boolean {
  return suspicious.test(value) && (value.includes('\r') || value.includes('\n') || hasBareNul(value));
}

function startLine(message: SipMessage): string {
  if (message.kind === 'request') {
    if (!isToken(message.method)) throw new SipMessageError('bad-method', 'the method is no token');
    if (!isUriText(message.uri))
      throw new SipMessageError('bad-request-uri', 'the Request-URI has illegal characters');
    return `${message.method} ${message.uri} SIP/2.0\r\n`;
  }
  const { status, reason } = message;
  if (!Number.isInteger(status) || status < 100 || status > 699) {
    throw new SipMessageError('bad-status', 'the status is not within 100 to 699');
  }
  if (breaksOut(reason)) throw new SipMessageError('bad-value', 'the reason phrase has a line break or NUL');
  return `SIP/2.0 ${status} ${reason}\r\n`;
}
