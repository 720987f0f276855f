import { SipStack, type SipStackOptions, systemClock } from '@ringthrough/sip';
import { Notices } from '../accounts/index.ts';
import { Alerting } from '../alerting/index.ts';
import { CallService, overloadHeaders, TestCalls } from '../calls/index.ts';
import type { CarrierCatalogue, SmsGateway } from '../carrier/index.ts';
import { type Config, sipRealm } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Forwarding } from '../forwarding/index.ts';
import { clientAddress } from '../http/index.ts';
import type { Logger } from '../log.ts';
import { EmbeddedMediaPlane } from '../media/index.ts';
import { askSoftphone, Registrar, SourceGuard } from '../registration/index.ts';
import { explainListenError } from '../start-error.ts';
import { deriveKey, type Store } from '../store/index.ts';
import type { Validations } from '../validation/index.ts';
import { createOwnCalls, type OwnCalls } from './own-calls.ts';
import { portSetting, sipListeners } from './sip-listeners.ts';
import { eventPackages, type Subscriptions, startSubscriptions } from './subscriptions.ts';
import type { Teardown } from './teardown.ts';
import { readTlsFiles, watchTlsFiles } from './tls-files.ts';
import { asksForCertificates, createTrunks, type TrunkParts } from './trunks.ts';

/** A person who keeps a carrier's voicemail is told of it once a week, not at every call. */
const carrierNoticeEveryMs = 7 * 24 * 3_600_000;

export interface TelephonyOptions {
  config: Config;
  store: Store;
  fabric: Fabric;
  log: Logger;
  masterKey: Buffer;
  catalogue: CarrierCatalogue;
  sms: SmsGateway;
  validations: Validations;
  forwarding: Forwarding;
  version: string;
}

/** Everything that takes part in a call. */
export interface Telephony {
  stack: SipStack;
  media: EmbeddedMediaPlane;
  registrar: Registrar;
  alerting: Alerting;
  calls: CallService;
  testCalls: TestCalls;
  ownCalls: OwnCalls;
  subscriptions: Subscriptions;
  trunking: TrunkParts;
}

/**
 * Builds and starts SIP, media, registrar, alerting and calls. On the way down calls end first, while SIP and media
 * still carry their last messages.
 * @throws StartError when a port cannot be had
 */
export async function startTelephony(options: TelephonyOptions, teardown: Teardown): Promise<Telephony> {
  const { config } = options;
  const media = await startMedia(options);
  teardown.add('media', () => media.close());
  // The stack asks the calls, and the calls need the stack: until both are there, nobody gets in.
  const late: { calls?: CallService } = {};
  const screen: SipStackOptions['screen'] = (request, flow) => late.calls?.screen(request, flow) ?? false;
  const hasRoom = () => late.calls?.hasRoom() ?? false;
  const stack = await createStack(options, { screen, hasRoom });
  teardown.add('sip', () => stack.close());
  const guard = createGuard(config, options.log.child({ module: 'guard' }));
  const registrar = createRegistrar(options, stack, guard);
  teardown.add('registrar', () => registrar.close());
  const alerting = createAlerting(options, registrar);
  const trunking = createTrunks(options, { stack, registrar, guard });
  const ownCalls = createOwnCalls({ ...options, media, dialer: trunking.dialer });
  const { interceptors } = ownCalls;
  const calls = createCalls(options, { stack, media, registrar, alerting, interceptors }, trunking);
  late.calls = calls;
  teardown.add('calls', () => calls.close());
  const testCalls = createTestCalls(options, { stack, media, registrar });
  teardown.add('test calls', () => testCalls.close());

  const recovered = { messages: await alerting.start(), calls: await calls.start() };
  if (recovered.messages + recovered.calls > 0) options.log.info(recovered, 'taken over from the last run');
  await registrar.start();
  stack.on('invite', (session) => calls.handleInvite(session));
  stack.on('request', (incoming) => calls.handleRequest(incoming));
  const subscriptions = startSubscriptions(options, { stack, registrar, alerting }, teardown);
  try {
    await stack.start();
  } catch (error) {
    throw explainListenError(error, portSetting(config.sip, error));
  }
  watchCertificate(options, stack, teardown);
  trunking.dialer.start();
  teardown.add('trunks', () => trunking.dialer.close());
  await ownCalls.start();
  teardown.add('own calls', () => ownCalls.close());
  return { stack, media, registrar, alerting, calls, testCalls, ownCalls, subscriptions, trunking };
}

function watchCertificate({ config, log }: TelephonyOptions, stack: SipStack, teardown: Teardown): void {
  const files = config.sip.tls;
  if (!files) return;
  const apply = stack.setTlsCredentials.bind(stack);
  const stop = watchTlsFiles({ files, setting: 'sip.tls', log: log.child({ module: 'sip' }), apply });
  teardown.add('sip certificate', stop);
}

async function startMedia({ config, log }: TelephonyOptions): Promise<EmbeddedMediaPlane> {
  const { host, advertisedHost, webrtcPort, rtpPorts, silenceTimeoutSeconds } = config.media;
  try {
    return await EmbeddedMediaPlane.start({
      host,
      advertisedHost,
      webrtcPort,
      rtpPorts,
      silenceTimeoutSeconds,
      log: log.child({ module: 'media' }),
    });
  } catch (error) {
    throw explainListenError(error, ['media', 'webrtcPort']);
  }
}

async function createStack(
  { config, log, version, catalogue }: TelephonyOptions,
  late: { screen: SipStackOptions['screen']; hasRoom: () => boolean },
): Promise<SipStack> {
  const { timers, limits, tls, dns } = config.sip;
  const material = tls && (await readTlsFiles(tls, 'sip.tls', log));
  return new SipStack({
    userAgent: `Ringthrough/${version}`,
    listeners: sipListeners(config.sip),
    ...(tls && material
      ? {
          tls: {
            ...material,
            requireClientCertificate: tls.requireClientCertificate,
            requestClientCertificate: asksForCertificates(catalogue),
          },
        }
      : {}),
    timers: given({
      t1: timers.t1Ms,
      t2: timers.t2Ms,
      t4: timers.t4Ms,
      lostFlow: timers.lostFlowMs,
      nextServer: dns.nextServerMs,
      deadServer: dns.deadServerSeconds * 1000,
    }),
    dns: given({
      servers: dns.servers,
      timeoutMs: dns.timeoutMs,
      attempts: dns.attempts,
      maxEntries: dns.maxEntries,
      maxTtlMs: dns.maxTtlSeconds * 1000,
      staleMs: dns.staleSeconds * 1000,
    }),
    limits: given(limits),
    log: log.child({ module: 'sip' }),
    contactUser: 'ringthrough',
    events: [...eventPackages],
    supportedIn: { REGISTER: ['path', 'outbound'] },
    ...(config.sip.sessionTimer.enabled ? { sessionTimer: config.sip.sessionTimer } : {}),
    ...(config.sip.reliableProvisional === 'off'
      ? {}
      : { reliableProvisional: config.sip.reliableProvisional }),
    ...(late.screen ? { screen: late.screen } : {}),
    overload: { ...config.sip.overload, headers: overloadHeaders, hasRoom: late.hasRoom },
  });
}

function createRegistrar(
  { config, store, fabric, log, masterKey }: TelephonyOptions,
  stack: SipStack,
  guard: SourceGuard,
): Registrar {
  const {
    webSocketPingSeconds,
    softphonePingSeconds,
    softphonePatienceSeconds,
    softphonePingsPerSecond,
    maxCachedDevices,
    maxNonces,
    ...limits
  } = config.registration;
  const { requirePathSupport, flowTimerSeconds, serviceRoute } = limits;
  const softphones = {
    periodMs: softphonePingSeconds * 1000,
    patienceMs: softphonePatienceSeconds * 1000,
    maxPerSecond: softphonePingsPerSecond,
    ask: askSoftphone(stack, config.sip.domain),
  };
  return new Registrar({
    store,
    fabric,
    log: log.child({ module: 'registration' }),
    clock: systemClock,
    now: Date.now,
    realm: sipRealm,
    nonceLifetimeMs: config.sip.nonceLifetimeSeconds * 1000,
    maxNonces,
    maxCachedDevices,
    digestAlgorithms: config.sip.digestAlgorithms,
    secret: deriveKey(masterKey, 'digest nonces').toString('base64'),
    limits,
    edges: config.sip.edges,
    requirePathSupport,
    flowTimerSeconds,
    serviceRoute,
    pingIntervalMs: webSocketPingSeconds * 1000,
    softphones: softphonePingSeconds > 0 ? softphones : undefined,
    guard,
    maxUdpAnswerRatio: config.sip.guard.maxUdpAnswerRatio,
  });
}

function createTestCalls(
  { config, log }: TelephonyOptions,
  parts: { stack: SipStack; media: EmbeddedMediaPlane; registrar: Registrar },
): TestCalls {
  const { stack, media, registrar } = parts;
  return new TestCalls({
    inviter: stack,
    media,
    clock: systemClock,
    log: log.child({ module: 'calls' }),
    available: (accountId) => registrar.availableNow(accountId),
    domain: config.sip.domain,
    ringTimeoutMs: config.softphones.testCallRingSeconds * 1000,
  });
}

function createGuard({ sip: { guard } }: Config, log: Logger): SourceGuard {
  const { failureWindowSeconds, banSeconds, maxUdpAnswerRatio: _, ...limits } = guard;
  return new SourceGuard({
    limits: { ...limits, failureWindowMs: failureWindowSeconds * 1000, banMs: banSeconds * 1000 },
    now: Date.now,
    networkOf: clientAddress,
    // At most so often as bans begin.
    banned: (address) => log.warn({ address, banSeconds }, 'banned for wrong passwords'),
  });
}

function createAlerting(
  { config, store, fabric, log, sms }: TelephonyOptions,
  registrar: Registrar,
): Alerting {
  const { alerting } = config;
  return new Alerting({
    store,
    fabric,
    log: log.child({ module: 'alerting' }),
    now: Date.now,
    sms,
    isReachable: async (accountId) => (await registrar.available(accountId)).length > 0,
    dataDir: config.dataDir,
    greetingFile: alerting.greetingFile,
    maxMessageMs: alerting.maxMessageSeconds * 1000,
    maxSilenceMs: alerting.maxSilenceSeconds * 1000,
    minVoiceMs: alerting.minVoiceMs,
    maxMessagesPerAccount: alerting.maxMessagesPerAccount,
  });
}

function createCalls(
  { config, store, fabric, log, catalogue }: TelephonyOptions,
  parts: {
    stack: SipStack;
    media: EmbeddedMediaPlane;
    registrar: Registrar;
    alerting: Alerting;
    interceptors: OwnCalls['interceptors'];
  },
  { trunks, load }: TrunkParts,
): CallService {
  const { stack, ...neighbours } = parts;
  const notices = new Notices({ store, fabric, now: Date.now });
  return new CallService({
    ...neighbours,
    inviter: stack,
    store,
    fabric,
    log: log.child({ module: 'calls' }),
    trunks: {
      trunkFor: (request, flow) => trunks.trunkFor(request, flow),
      isNamed: (flow) => trunks.isNamed(flow),
      challenge: (request, flow) => trunks.challenge(request, flow),
      byCNumber: (number) => catalogue.byCNumber(number),
    },
    trunkLoad: load,
    clock: systemClock,
    now: Date.now,
    domain: config.sip.domain,
    ringTimeoutMs: config.calls.ringTimeoutSeconds * 1000,
    maxDurationMs: config.calls.maxDurationSeconds * 1000,
    maxDiversions: config.calls.maxDiversions,
    carrierVoicemail: {
      cancels: config.calls.carrierVoicemail.cancels,
      spreadMs: config.calls.carrierVoicemail.spreadSeconds * 1000,
      minRingMs: config.calls.carrierVoicemail.minRingSeconds * 1000,
    },
    carrierAnswers: (accountId, number) =>
      notices.tellOnce(accountId, { code: 'carrier-voicemail', data: { number } }, carrierNoticeEveryMs),
    maxConcurrent: config.calls.maxConcurrent,
    maxConcurrentPerAccount: config.calls.maxConcurrentPerAccount,
  });
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined, so that defaults show through. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
