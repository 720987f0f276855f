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

function headersOf(init: SipMessageInit | undefined): SipHeaders {
  return init?.headers instanceof SipHeaders ? init.headers.clone() : new SipHeaders(init?.headers);
}

/** A request (RFC 3261 7.1). Headers given to it are copied, the body is not. */
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
    this.headers = headersOf(init);
    this.body = bytesOf(init?.body);
  }
}

/** A response (RFC 3261 7.2). Headers given to it are copied, the body is not. */
export class SipResponse {
  readonly kind = 'response';
  status: number;
  reason: string;
  headers: SipHeaders;
  body: Uint8Array;

  constructor(status: number, reason: string, init?: SipMessageInit) {
    this.status = status;
    this.reason = reason;
    this.headers = headersOf(init);
    this.body = bytesOf(init?.body);
  }
}

export type SipMessage = SipRequest | SipResponse;
