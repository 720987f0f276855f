/**
 * Every error code of the API, with its HTTP status and title. A code is never reused for something else.
 * docs/api.md lists them; a test keeps both in step.
 */
export const problems = {
  'bad-request': { status: 400, title: 'The request does not fit the schema' },
  'bad-json': { status: 400, title: 'The body is not valid JSON' },
  'not-logged-in': { status: 401, title: 'Log in first' },
  'wrong-credentials': { status: 401, title: 'Number or password is wrong' },
  'bad-webhook-token': { status: 401, title: 'The token or signature of the webhook is wrong' },
  'csrf-header-missing': { status: 403, title: 'The request does not come from the client' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'no-such-number': { status: 404, title: 'The account has no such number' },
  'no-such-device': { status: 404, title: 'The account has no such device' },
  'no-such-validation': { status: 404, title: 'No such validation' },
  'no-such-voicemail': { status: 404, title: 'No such voice message' },
  'no-such-carrier': { status: 404, title: 'The catalogue has no such carrier' },
  'no-account': { status: 404, title: 'No account has this number' },
  'not-proved-yet': { status: 409, title: 'Nothing has proved it yet' },
  'last-number': { status: 409, title: 'The last number of an account cannot be removed' },
  'primary-number': { status: 409, title: 'The primary number cannot be removed' },
  'already-linked': { status: 409, title: 'The number is already linked to this account' },
  'too-many-devices': { status: 409, title: 'The account has as many devices as it may have' },
  'too-many-numbers': { status: 409, title: 'The account has as many numbers as it may have' },
  'forwarding-is-manual': { status: 409, title: 'The carrier takes no commands from us' },
  'carrier-exists': { status: 409, title: 'There is a carrier with this id' },
  'check-not-possible': { status: 409, title: 'The forwarding of this number cannot be checked by a call' },
  'check-running': { status: 409, title: 'The forwarding is being checked already' },
  'carrier-not-editable': { status: 409, title: 'The carrier comes from a file' },
  'carrier-in-use': { status: 409, title: 'Numbers of the carrier are linked' },
  'set-up-by-hand': { status: 409, title: 'The softphone cannot fetch its configuration' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'Send JSON' },
  'range-not-satisfiable': { status: 416, title: 'The range lies outside the file' },
  'not-a-number': { status: 422, title: 'That is not a telephone number' },
  'no-carrier': { status: 422, title: 'No carrier for this number' },
  'carrier-needed': { status: 422, title: 'Which carrier the number is of is not known' },
  'mechanism-not-possible': { status: 422, title: 'The number cannot be proved in that way' },
  'wrong-carrier': { status: 422, title: 'The carrier does not serve this number' },
  'wrong-password': { status: 422, title: 'The password is wrong' },
  'weak-password': { status: 422, title: 'The password is too weak' },
  'wrong-code': { status: 422, title: 'The code is wrong' },
  'code-expired': { status: 422, title: 'The code has expired' },
  'too-many-attempts': { status: 422, title: 'Too many wrong codes' },
  'bad-proof': { status: 422, title: 'The proof does not hold' },
  'too-many-sends': { status: 429, title: 'Too many codes were sent' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'internal-error': { status: 500, title: 'Something broke on our side' },
  'too-many-checks': { status: 429, title: 'The number was checked too often' },
  overloaded: { status: 503, title: 'The service has too much to do' },
  unavailable: { status: 503, title: 'The database is away for the moment' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** Further members of the answer, for programs: `attemptsLeft`, `retryAfter` (seconds) … */
export type ProblemExtra = Record<string, string | number | boolean | string[]>;

/** RFC 9457 problem details, as sent. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  [extra: string]: unknown;
}

/**
 * An error that carries the answer to give (RFC 9457). `detail` says in one or two sentences what to do about it
 * and never holds a number, code or secret that the caller did not send.
 */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly extra: ProblemExtra;

  constructor(code: ProblemCode, detail?: string, options: { extra?: ProblemExtra; cause?: unknown } = {}) {
    const { status, title } = problems[code];
    super(detail ?? title, { cause: options.cause });
    this.name = 'Problem';
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail ?? title;
    this.extra = options.extra ?? {};
  }

  toJSON(): ProblemBody {
    return {
      type: `urn:ringthrough:problem:${this.code}`,
      title: this.title,
      status: this.status,
      detail: this.detail,
      code: this.code,
      ...this.extra,
    };
  }
}
