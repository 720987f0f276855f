import type { SipStack } from '@ringthrough/sip';
import type { Alerting } from '../alerting/index.ts';
import type { Config } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { Registrar } from '../registration/index.ts';
import {
  MessageSummary,
  RegistrationInformation,
  SubscriptionService,
  UnsolicitedSummary,
} from '../subscriptions/index.ts';
import type { Teardown } from './teardown.ts';

/** What devices may subscribe to. */
export const eventPackages = ['message-summary', 'reg'] as const;

export type Subscriptions = SubscriptionService;

/** Lets devices subscribe to their account's messages and registrations (R-NOTIFY). */
export function startSubscriptions(
  { config, fabric, log: parent }: { config: Config; fabric: Fabric; log: Logger },
  { stack, registrar, alerting }: { stack: SipStack; registrar: Registrar; alerting: Alerting },
  teardown: Teardown,
): Subscriptions {
  const { domain } = config.sip;
  const { unsolicitedSummary, ...limits } = config.subscriptions;
  const log = parent.child({ module: 'subscriptions' });
  const summary = new MessageSummary({ domain, counts: (accountId) => alerting.messageCounts(accountId) });
  const registrations = new RegistrationInformation({
    domain,
    now: Date.now,
    contacts: (accountId) => registrar.contactsOf(accountId),
  });
  const service = new SubscriptionService({
    acceptor: stack,
    registrar,
    fabric,
    log,
    packages: [summary, registrations],
    limits,
  });
  stack.on('request', (incoming) => service.handleRequest(incoming));
  teardown.add('subscriptions', () => service.close());
  if (unsolicitedSummary) {
    const unsolicited = new UnsolicitedSummary({
      sender: stack,
      fabric,
      log,
      summary,
      domain,
      available: (accountId) => registrar.availableNow(accountId),
      isSubscribed: (deviceId) => service.has(deviceId, summary.name),
    });
    teardown.add('unsolicited summaries', () => unsolicited.close());
  }
  return service;
}
