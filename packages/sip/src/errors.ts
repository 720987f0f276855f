import type { SocketProtocol } from './transport/types.ts';

/** What this package throws or rejects with, and nothing else. Codes are stable and never reused. */
export const sipErrorCodes = {
  'no-dialog': 'There is no dialog yet (or none any more) in which to do this.',
  'bad-status': 'The status code does not fit this method.',
  'bad-message': 'The message cannot be put on the wire.',
  'not-started': 'The stack is not started, or is closed.',
} as const;

export type SipErrorCode = keyof typeof sipErrorCodes;

/** Misuse of the package by its owner; never caused by what a peer sends. */
export class SipMisuseError extends Error {
  readonly code: SipErrorCode;
  constructor(code: SipErrorCode, detail?: string) {
    super(detail === undefined ? sipErrorCodes[code] : `${sipErrorCodes[code]} ${detail}`);
    this.name = 'SipMisuseError';
    this.code = code;
  }
}

/** A local address could not be had. `code` is the system's: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
export class ListenError extends Error {
  readonly code: string;
  readonly protocol: SocketProtocol;
  readonly host: string;
  readonly port: number;
  constructor(at: { protocol: SocketProtocol; host: string; port: number }, code: string, cause?: unknown) {
    super(`cannot listen on ${at.protocol} ${at.host}:${at.port} (${code})`, { cause });
    this.name = 'ListenError';
    this.code = code;
    this.protocol = at.protocol;
    this.host = at.host;
    this.port = at.port;
  }
}
