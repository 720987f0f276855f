/**
 * What can be wrong with a received message. Every code has the status to answer a request with; responses
 * are never answered, so errors about responses carry none (RFC 3261 8.1.3, 18.1.2: discard).
 */
const parseErrors = {
  'no-message': { status: undefined, text: 'No message' },
  'message-too-large': { status: 513, text: 'Message Too Large' },
  'header-too-large': { status: 513, text: 'Header Section Too Large' },
  'header-line-too-long': { status: 513, text: 'Header Line Too Long' },
  'too-many-headers': { status: 513, text: 'Too Many Header Fields' },
  'no-blank-line': { status: 400, text: 'Header Section Not Ended' },
  'bad-line-end': { status: 400, text: 'Bare CR or LF' },
  'bad-character': { status: 400, text: 'NUL in Header Section' },
  'bad-request-line': { status: 400, text: 'Malformed Request-Line' },
  'bad-status-line': { status: undefined, text: 'Malformed Status-Line' },
  'bad-version': { status: 505, text: 'SIP Version Not Supported' },
  'bad-header-line': { status: 400, text: 'Malformed Header Line' },
  'bad-content-length': { status: 400, text: 'Malformed Content-Length' },
  'no-content-length': { status: 400, text: 'Missing Content-Length' },
  'body-truncated': { status: 400, text: 'Body Shorter Than Content-Length' },
  'missing-header': { status: 400, text: 'Missing Header Field' },
  'repeated-header': { status: 400, text: 'Repeated Header Field' },
  'bad-header': { status: 400, text: 'Malformed Header Field' },
  'bad-branch': { status: 400, text: 'Malformed Via Branch' },
  'cseq-mismatch': { status: 400, text: 'CSeq Method Mismatch' },
  'unknown-method': { status: 501, text: 'Not Implemented' },
  'bad-request-uri': { status: 400, text: 'Malformed Request-URI' },
  'unsupported-uri-scheme': { status: 416, text: 'Unsupported URI Scheme' },
} as const satisfies Record<string, { status: number | undefined; text: string }>;

/** Stable codes of {@link SipParseError}. */
export type SipParseErrorCode = keyof typeof parseErrors;

/** Why a received message was not accepted. A value, never thrown. */
export interface SipParseError {
  readonly code: SipParseErrorCode;
  /** Fit to be used as the reason phrase of the answer; holds no text of the peer beyond a known header name. */
  readonly text: string;
  /** Status to answer with; absent for responses and for what is no message at all: discard. */
  readonly status?: number;
}

/** Builds the error of `code`; `detail` (a header name of ours) is appended to the text. */
export function sipParseError(code: SipParseErrorCode, detail?: string): SipParseError {
  const { status, text } = parseErrors[code];
  const full = detail === undefined ? text : `${text}: ${detail}`;
  return status === undefined ? { code, text: full } : { code, text: full, status };
}

/** The same error about a response, which is discarded and never answered. */
export function withoutStatus(error: SipParseError): SipParseError {
  return { code: error.code, text: error.text };
}

/** Codes of {@link SipMessageError}. */
export type SipMessageErrorCode =
  | 'bad-method'
  | 'bad-request-uri'
  | 'bad-status'
  | 'bad-header-name'
  | 'bad-value';

/** Misuse: our own code tried to send what no SIP message may hold, for example a line break in a header value. */
export class SipMessageError extends Error {
  readonly code: SipMessageErrorCode;
  constructor(code: SipMessageErrorCode, message: string) {
    super(message);
    this.name = 'SipMessageError';
    this.code = code;
  }
}
