import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Accounts, Session } from '../accounts/index.ts';
import type { Config } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import type { CatalogueEditor, Forwarding, ForwardingChecks } from '../forwarding/index.ts';
import type { Logger } from '../log.ts';
import type { Validations } from '../validation/index.ts';
import type { RateLimits } from './rate-limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is; null when nobody is logged in. */
    session: (Session & { byCookie: boolean }) | null;
    /** It brought a token that is no longer good. */
    staleSession: boolean;
  }
}

/** The call log, as `calls/` gives it. */
export interface CallHistory {
  history(accountId: string, page: { before?: number; limit: number }): Promise<CallEntry[]>;
}

export interface CallEntry {
  id: string;
  called: string | undefined;
  calling: string | undefined;
  reason: string | undefined;
  arrivedAt: number;
  answeredAt: number | undefined;
  endedAt: number | undefined;
  outcome: string | undefined;
  device: { id: string; name: string } | undefined;
  trunkCodec: string | undefined;
  clientCodec: string | undefined;
  quality: unknown;
}

/** The voice messages, as `alerting/` gives them. */
export interface Voicemails {
  voicemails(accountId: string): Promise<VoicemailEntry[]>;
  /** Absolute path of the WAV; undefined when the account has no such message. */
  voicemailAudio(accountId: string, id: string): Promise<string | undefined>;
  /** False when the account has no such message. */
  markHeard(accountId: string, id: string): Promise<boolean>;
  delete(accountId: string, id: string): Promise<boolean>;
  /** Deletes the audio of messages whose rows went with their account. */
  discard(): Promise<void>;
}

export interface VoicemailEntry {
  id: string;
  number: string;
  calling: string | undefined;
  storedAt: number;
  durationMs: number;
  heardAt: number | undefined;
}

/** What the routes work with. */
export interface ApiServices {
  config: Config;
  log: Logger;
  fabric: Fabric;
  accounts: Accounts;
  validations: Validations;
  forwarding: Forwarding;
  catalogueEditor: CatalogueEditor;
  forwardingChecks: Pick<ForwardingChecks, 'begin'>;
  calls: CallHistory;
  voicemails: Voicemails;
  /** Where devices register, host:port. */
  sipServer: () => string;
  version: string;
}

export interface ApiContext extends ApiServices {
  limits: RateLimits;
}

export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type Reply = FastifyReply;
