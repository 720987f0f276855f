import { SipHeaders, type SipHeadersInit } from './headers.ts';

/** Optional parts of a new message. A text body is sent as UTF-8. */
export interface SipMessageInit {
  headers?: SipHeadersInit;
  body?: Uint8Array | string;
}

const noBody = new Uint8Array(0);

function bytesOf(body: Uint8Array | string | undefined): Uint8Array {
  if (body === undefined) return noBody;
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
}

/** A request (RFC 3261 7.1). Takes a `SipHeaders` given to it over as it is, without a copy. */
export class SipRequest {
  readonly kind = 'request';
  method: string;
  /** Request-URI as text; see `parseUri`. */
  uri: string;
  headers: SipHeaders;
  body: Uint8Array;

  constructor(method: string, uri: string, init?: SipMessageInit) {
    this.method = method;
    this.uri = uri;
    this.headers = init?.headers instanceof SipHeaders ? init.headers : new SipHeaders(init?.headers);
    this.body = bytesOf(init?.body);
  }
}

/** A response (RFC 3261 7.2). Takes a `SipHeaders` given to it over as it is, without a copy. */
export class SipResponse {
  readonly kind = 'response';
  status: number;
  reason: string;
  headers: SipHeaders;
  body: Uint8Array;

  constructor(status: number, reason: string, init?: SipMessageInit) {
    this.status = status;
    this.reason = reason;
    this.headers = init?.headers instanceof SipHeaders ? init.headers : new SipHeaders(init?.headers);
    this.body = bytesOf(init?.body);
  }
}

export type SipMessage = SipRequest | SipResponse;
