import { z } from 'zod';
import type { HttpProvisioningConfig } from '../../config.ts';
import { HttpClient } from './http-client.ts';
import {
  type Provisioner,
  ProvisioningError,
  type ProvisioningOutcome,
  type ProvisioningRequest,
} from './provisioner.ts';

type Action = 'activate' | 'deactivate' | 'status';

/** What the carrier says of a command, in its answer or its report. */
export const reportedState = z.object({
  state: z.enum(['active', 'inactive', 'pending', 'failed']),
  noReplySeconds: z.int().min(1).max(999).nullish(),
  error: z.enum(['unknown-subscriber', 'refused']).optional(),
});

export type ReportedState = z.output<typeof reportedState>;

/** The end that a report tells; undefined: it is none. */
export function reportedResult({
  state,
  noReplySeconds = null,
  error = 'refused',
}: ReportedState):
  | { kind: 'done'; outcome: Exclude<ProvisioningOutcome, { state: 'accepted' }> }
  | { kind: 'failed'; code: string }
  | undefined {
  if (state === 'pending') return undefined;
  if (state === 'failed') return { kind: 'failed', code: error };
  return { kind: 'done', outcome: { state, noReplySeconds, source: 'carrier' } };
}

/**
 * The webhook of docs/forwarding.md, for carriers with a platform of their own kind. `Idempotency-Key` is the same at
 * each try of a command. Who answers `pending` is asked again, and may report by itself when it is done.
 */
export class HttpProvisioner implements Provisioner {
  readonly automatic = true;
  readonly pollMs: number;
  readonly #config: HttpProvisioningConfig;
  readonly #http: HttpClient;

  constructor(config: HttpProvisioningConfig) {
    this.#config = config;
    this.#http = new HttpClient(config);
    this.pollMs = config.pollSeconds * 1000;
  }

  activate(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    return this.#post('activate', request, signal);
  }

  deactivate(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    return this.#post('deactivate', request, signal);
  }

  read(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    return this.#post('status', request, signal);
  }

  async poll(request: ProvisioningRequest, signal: AbortSignal): Promise<ProvisioningOutcome> {
    const url = new URL(this.#config.url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${encodeURIComponent(request.id)}`;
    const headers = { accept: 'application/json' };
    const answer = await this.#http.send({ method: 'GET', url: url.href, headers }, signal);
    return this.#outcome(answer);
  }

  async #post(
    action: Action,
    request: ProvisioningRequest,
    signal: AbortSignal,
  ): Promise<ProvisioningOutcome> {
    const { id, number, cNumber, noReplySeconds } = request;
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'idempotency-key': id,
    };
    const body = JSON.stringify({ id, action, number, cNumber, noReplySeconds });
    const answer = await this.#http.send({ method: 'POST', url: this.#config.url, headers, body }, signal);
    return this.#outcome(answer);
  }

  #outcome({ status, body }: { status: number; body: string }): ProvisioningOutcome {
    if (status === 404) throw new ProvisioningError('unknown-subscriber', 'the server answers 404');
    if (status === 202) return { state: 'accepted' };
    if (status !== 200) throw new ProvisioningError('refused', `the server answers ${status}`);
    const { state, noReplySeconds = null, error = 'refused' } = parsed(body);
    if (state === 'pending') return { state: 'accepted' };
    if (state === 'failed') throw new ProvisioningError(error, 'the server says that it failed');
    return { state, noReplySeconds, source: 'carrier' };
  }
}

function parsed(body: string): ReportedState {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    json = undefined;
  }
  const result = reportedState.safeParse(json);
  if (result.success) return result.data;
  throw new ProvisioningError('bad-answer', 'the server’s answer is not as documented', { retry: true });
}
