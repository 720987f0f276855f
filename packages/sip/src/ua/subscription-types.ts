import type { SipRequest } from '../message/index.ts';
import type { NotifierLimits, NotifyCause, SubscriptionEnd } from '../subscription/notifier-machine.ts';
import type { SubscriberEnd, SubscriberState } from '../subscription/subscriber-machine.ts';
import type {
  EventName,
  SubscriptionState,
  TerminationReason,
} from '../subscription/subscription-headers.ts';
import type { Flow, Target } from '../transport/types.ts';
import type { Credentials } from './types.ts';

/** The state of a resource, as its event package writes it down. */
export interface NotifyBody {
  contentType: string;
  body: string;
}

export interface AcceptSubscriptionOptions {
  limits: NotifierLimits;
  /**
   * Asked for the body of each NOTIFY, one after the other: the whole state for a `subscribe`, what is new for a
   * `change` (undefined: nothing is, and none is sent), the last word for an `end`. A NOTIFY is under way one at a time.
   * When it throws, the subscription ends with `giveup`.
   */
  state: (cause: NotifyCause) => NotifyBody | undefined | Promise<NotifyBody | undefined>;
  /**
   * NOTIFYs go where the SUBSCRIBE came from, never to an address that it names in Contact or Record-Route, nor over UDP
   * to another address that a refresh comes from: for subscribers who are not to say where our packets go. Without Record-Route they do so anyway.
   */
  confined?: boolean;
  /** Once. A last NOTIFY may still ask for its state. */
  ended?: (how: SubscriptionEnd) => void;
}

/** A subscription of a peer with us, RFC 6665 section 4.2. It refreshes, expires and ends by itself. */
export interface NotifierSubscription {
  readonly callId: string;
  readonly event: EventName;
  /** The flow that the subscriber was heard on last. */
  readonly flow: Flow | undefined;
  readonly ended: boolean;
  /** The resource has changed: a NOTIFY follows, as soon as the limits of the package allow. */
  changed(): void;
  /** Ends it with a NOTIFY that says why (section 4.1.3). Does nothing after the end. */
  terminate(reason: TerminationReason, retryAfterSeconds?: number): void;
}

export interface SubscribeOptions {
  /** Request-URI, From, To, Event and Accept; the stack adds the rest. */
  request: SipRequest;
  target: Target;
  credentials?: Credentials;
  /** Default 3600; 0 fetches the state once (section 4.4.3). 2,000,000 at most. */
  expiresSeconds?: number;
  /** Each NOTIFY, answered already. */
  notified?: (notify: SipRequest, state: SubscriptionState) => void;
  /** Once. */
  ended?: (end: SubscriberEnd) => void;
}

/** A subscription of ours, RFC 6665 section 4.1. It refreshes itself. */
export interface SubscriberSubscription {
  readonly state: SubscriberState;
  /** Ends it; `ended` comes with the last NOTIFY. */
  unsubscribe(): void;
}
