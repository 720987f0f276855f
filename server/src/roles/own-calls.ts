import { systemClock } from '@ringthrough/sip';
import type { CallInterceptor, Interception, SpecialCall } from '../calls/index.ts';
import { type CarrierCatalogue, type TrunkDialer, VoiceCalls } from '../carrier/index.ts';
import type { Config } from '../config.ts';
import { CheckSchedule, type Forwarding, ForwardingChecks } from '../forwarding/index.ts';
import type { Logger } from '../log.ts';
import type { MediaPlane } from '../media/index.ts';
import type { Store } from '../store/index.ts';
import { Keys, MissedCall, SpokenCode, type Validations } from '../validation/index.ts';

export interface OwnCallsOptions {
  config: Config;
  store: Store;
  log: Logger;
  catalogue: CarrierCatalogue;
  validations: Validations;
  forwarding: Forwarding;
  dialer: TrunkDialer;
  media: MediaPlane;
}

/** Calls that the system makes or takes itself: proof of numbers, forwarding checks. */
export interface OwnCalls {
  checks: ForwardingChecks;
  /** For `CallService`. */
  interceptors: CallInterceptor[];
  /** Once calls can be placed and taken. */
  start(): Promise<void>;
  /** Before the trunks close. */
  close(): Promise<void>;
}

/**
 * The switch releases the caller and looks no further (RFC 3398 section 8.2.6.1 makes Q.850 21 of 603): no other route, no
 * mailbox, no announcement that costs.
 */
const refusal: Interception = { status: 603, reason: 'Q.850;cause=21;text="Call rejected"' };

export function createOwnCalls(options: OwnCallsOptions): OwnCalls {
  const { config, log, dialer, media, validations, catalogue } = options;
  const { maxConcurrent, ringTimeoutSeconds, maxDurationSeconds } = config.outboundCalls;
  const calls = new VoiceCalls({
    dialer,
    media,
    clock: systemClock,
    log: log.child({ module: 'own calls' }),
    maxConcurrent,
    ringTimeoutMs: ringTimeoutSeconds * 1000,
    maxDurationMs: maxDurationSeconds * 1000,
  });
  const proof = { calls, log: log.child({ module: 'validation' }), digits: config.validation.codeDigits };
  const missedCall = new MissedCall({ carriers: catalogue, log: proof.log });
  validations.use(new SpokenCode(proof));
  validations.use(new Keys({ ...proof, clock: systemClock }));
  validations.use(missedCall);
  const { checks, schedule } = createChecks(options, calls);
  return {
    checks,
    interceptors: [takingMissedCalls(missedCall), takingTestCalls(checks), takingOwnCalls(calls, catalogue)],
    start: async () => {
      await checks.start();
      schedule?.start();
    },
    close: async () => {
      await schedule?.close();
      await checks.close();
      await calls.close();
    },
  };
}

function createChecks(
  { config, store, log, forwarding, catalogue }: OwnCallsOptions,
  calls: VoiceCalls,
): { checks: ForwardingChecks; schedule: CheckSchedule | undefined } {
  const { timeoutSeconds, ringSeconds, perNumberPerHour, schedule } = config.forwarding.check;
  const parts = { store, log: log.child({ module: 'forwarding' }), clock: systemClock, now: Date.now };
  const checks = new ForwardingChecks({
    ...parts,
    calls,
    forwarding,
    carriers: catalogue,
    timeoutMs: timeoutSeconds * 1000,
    ringMs: ringSeconds * 1000,
    perNumberPerHour,
  });
  if (!schedule) return { checks, schedule: undefined };
  const hours = { from: schedule.fromHour, to: schedule.toHour };
  const times = { everyMs: schedule.everyDays * 86_400_000, ringMs: schedule.ringSeconds * 1000 };
  const { perDay } = schedule;
  return { checks, schedule: new CheckSchedule({ ...parts, checks, perDay, hours, ...times }) };
}

function takingMissedCalls(missedCall: MissedCall): CallInterceptor {
  return ({ carrierId, dialled, diverted, callId, arrivedAt, arrival }) => {
    const { calling, callingAsserted: asserted } = arrival;
    const call = { carrierId, dialled, calling, asserted, diverted, callId, at: arrivedAt };
    return missedCall.arrived(call) ? refusal : undefined;
  };
}

/** A call that was to prove a number, which its phone has forwarded to us: there is nobody here to hear it. */
function takingOwnCalls(calls: VoiceCalls, catalogue: CarrierCatalogue): CallInterceptor {
  return ({ arrival: { calling, called } }) => {
    const ours = calling !== undefined && catalogue.byCNumber(calling) !== undefined;
    return ours && called.some(({ number }) => calls.isCalling(number)) ? refusal : undefined;
  };
}

function takingTestCalls(checks: ForwardingChecks): CallInterceptor {
  return (call: SpecialCall) => {
    const { carrierId, dialled, arrival, request, gone } = call;
    const is = checks.arrived({
      carrierId,
      dialled,
      calling: arrival.calling,
      called: arrival.called.map(({ number }) => number),
      userToUser: request.headers.get('User-to-User') ?? undefined,
      gone,
    });
    if (is instanceof Promise) return is.then((ours) => (ours ? refusal : undefined));
    return is ? refusal : undefined;
  };
}
