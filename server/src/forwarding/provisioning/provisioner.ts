import type { ForwardingSource } from '../types.ts';

/** What is asked of a carrier, for one of its numbers. */
export interface ProvisioningRequest {
  /** The same at every try of one command: a carrier that has seen it does nothing twice. */
  id: string;
  /** E.164, as is the C number. */
  number: string;
  cNumber: string;
  /** How long it rings before an unanswered call is forwarded; null: as the network has it. */
  noReplySeconds: number | null;
}

/** How the forwarding is now, or that the carrier has the command and takes time for it. */
export type ProvisioningOutcome =
  | { state: 'active' | 'inactive'; noReplySeconds: number | null; source: ForwardingSource }
  | { state: 'accepted' };

/**
 * Switches the forwarding of a carrier's numbers (R-FWD-AUTO). "Active" is: unreachable, busy and unanswered calls go to
 * the C number. Doing what is done already is no error. Every method ends when `signal` does.
 * @throws ProvisioningError
 */
export interface Provisioner {
  /** False: the person switches it, and we hold what the person says. */
  readonly automatic: boolean;
  activate(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome>;
  /** Takes back what leads to our C number, and nothing else. */
  deactivate(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome>;
  read(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome>;
  /** Of one that says `accepted`: how far the command is. */
  poll?(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome>;
  /** How long it is left alone before it is asked again. */
  readonly pollMs?: number;
}

/** Why a command failed; stable, the client turns it into words. */
export type ProvisioningErrorCode =
  | 'no-answer'
  | 'busy'
  | 'bad-answer'
  | 'not-authorised'
  | 'unknown-subscriber'
  | 'refused'
  | 'by-hand';

/** A command that failed. `retry`: another try may do better, after `retryAfterMs` where the carrier said so. */
export class ProvisioningError extends Error {
  readonly code: ProvisioningErrorCode;
  readonly retry: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ProvisioningErrorCode,
    message: string,
    options: { retry?: boolean; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProvisioningError';
    this.code = code;
    this.retry = options.retry ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
