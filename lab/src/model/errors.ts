/** Every way a request to the lab can be wrong, with the HTTP status that says so. */
const statuses = {
  'unknown-handset': 404,
  'unknown-call': 404,
  'unknown-carrier': 404,
  'unknown-scenario': 404,
  'unknown-prompt': 404,
  'no-service': 409,
  'handset-busy': 409,
  'no-call': 409,
  'not-ringing': 409,
  'sms-throttled': 429,
  'sms-down': 503,
  'bad-number': 422,
  'bad-input': 422,
  'bad-audio': 422,
  unauthorized: 401,
  'cross-site': 403,
} as const;

export type LabErrorCode = keyof typeof statuses;

/** A request that cannot be done; `code` is stable, `status` is the HTTP status to answer with. */
export class LabError extends Error {
  readonly code: LabErrorCode;
  readonly status: number;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
    this.status = statuses[code];
  }
}
