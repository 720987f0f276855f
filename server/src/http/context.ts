import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Accounts, Session, SetUpLinks } from '../accounts/index.ts';
import type { Config, Language } from '../config.ts';
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

/** Calls that ring a softphone so that its owner can try it, as `calls/` places them. */
export interface TestCallsOfDevices {
  start(accountId: string, deviceId: string, language: Language): TestCallState;
  state(
    deviceId: string,
    wait: { seen: TestCallState | undefined; ms: number; signal: AbortSignal },
  ): Promise<TestCallState | undefined>;
}

export type TestCallState =
  | 'calling'
  | 'ringing'
  | 'answered'
  | 'completed'
  | 'no-answer'
  | 'rejected'
  | 'failed';

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

/** What carriers post to us, as `carrier/` takes it. */
export interface SmsWebhooks {
  /** By bearer token, or by a signature over the body. */
  verify(
    carrierId: string,
    credentials: {
      authorization?: string | undefined;
      signature?: string | undefined;
      timestamp?: string | undefined;
      body: Uint8Array;
    },
  ): boolean;
  /** Durable when it resolves. */
  receive(sms: {
    carrierId: string;
    id: string;
    from: string;
    to: string;
    text: string;
  }): Promise<'stored' | 'duplicate'>;
  /** What became of a message of ours; false when it is not known (yet). */
  receipt(receipt: {
    carrierId: string;
    id: string;
    state:
      | 'enroute'
      | 'accepted'
      | 'delivered'
      | 'expired'
      | 'deleted'
      | 'undeliverable'
      | 'rejected'
      | 'unknown';
    error?: string | undefined;
  }): Promise<boolean>;
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
  setUpLinks: Pick<SetUpLinks, 'create' | 'take'>;
  testCalls: TestCallsOfDevices;
  calls: CallHistory;
  voicemails: Voicemails;
  smsWebhooks: SmsWebhooks;
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
