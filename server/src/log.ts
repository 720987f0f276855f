import { type DestinationStream, destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export interface LogOptions {
  level: string;
  /** A file path, or `stderr`. */
  destination: string;
}

/**
 * A logger whose every line passes `redactLine`, whatever was logged and by whom (child bindings, error messages
 * and stacks too). Call sites still mask numbers themselves; this is the net below them.
 * @param stream takes the lines instead of `options.destination`; for tests
 */
export function createLogger(options: LogOptions, stream?: DestinationStream): Logger {
  const to =
    stream ?? destination({ dest: options.destination === 'stderr' ? 2 : options.destination, mkdir: true });
  return pino({ level: options.level, base: null, hooks: { streamWrite: redactLine } }, to);
}

/** `+14155550101` → `+1415•••0101`: enough to follow a case in the log, not enough to call somebody. */
export function maskNumber(number: string): string {
  const plus = number.startsWith('+') ? '+' : '';
  const digits = number.replace(/\D/g, '');
  if (digits.length < 10) return `${plus}${digits.slice(0, 2)}•••${digits.slice(-2)}`;
  return `${plus}${digits.slice(0, 4)}•••${digits.slice(-4)}`;
}

const secretMember =
  /"(password|secret|[a-z_]*token|proof|cookie|set-cookie|authorization|proxy-authorization|x-api-key|code_?hash|ha1[_a-z0-9]*|digits|body)":\s*("(?:[^"\\]|\\.)*"|\d+)/gi;
/** `code` holds error codes too: only digits are a code to keep. */
const codeMember = /"code":\s*(?:"\d+"|\d+)/g;
const quoted = /"(?:[^"\\]|\\.)*"/g;

const internationalNumber = /(?:\+|%2b)\d[\d ().-]{4,20}\d/gi;
const formattedNumber = /(?<![\w.])\(?\d{2,5}\)?[ -]\d{3,4}[ -]\d{3,4}(?![\w.])/g;
const longDigits = /(?<![A-Za-z0-9_-])\d{8,15}(?![A-Za-z0-9_-])/g;
const hashCode = /#\d{4,8}\b/g;
const bearer = /\b(Bearer|Digest) [^"]+/gi;
const sessionCookie = /(ringthrough_(?:session|refresh))=[^;\s"]+/g;
/** Addresses that are secrets: of a softphone's configuration, and of an SMS that confirms a number. */
const secretAddress = /(\/set-up\/|#\/confirm\/)[\w/-]+/g;

/** One serialised line without telephone numbers, codes, passwords and tokens. Idempotent. */
export function redactLine(line: string): string {
  return line
    .replace(secretMember, '"$1":"[redacted]"')
    .replace(codeMember, '"code":"[redacted]"')
    .replace(quoted, redactText);
}

/** The same for a piece of text, such as a URL or the message of an error. */
export function redactText(text: string): string {
  return text
    .replace(bearer, '$1 [redacted]')
    .replace(sessionCookie, '$1=[redacted]')
    .replace(secretAddress, '$1[redacted]')
    .replace(internationalNumber, (match) => `+${maskNumber(match.replace(/^%2b/i, ''))}`.replace('++', '+'))
    .replace(formattedNumber, maskNumber)
    .replace(longDigits, maskNumber)
    .replace(hashCode, '#••••');
}
