/**
 * The call path as a process of its own, to be killed: real SIP, real media, a database on disk.
 * Arguments: data directory, first RTP port. Says `{"sip": port}` when it is ready, then each event, a line each.
 */
import { join } from 'node:path';
import { SipStack, systemClock } from '@ringthrough/sip';
import { Alerting } from '../../alerting/index.ts';
import { LocalFabric } from '../../fabric/index.ts';
import { createLogger } from '../../log.ts';
import { EmbeddedMediaPlane } from '../../media/index.ts';
import { Registrar } from '../../registration/index.ts';
import { openStore } from '../../store/index.ts';
import { CallService } from '../index.ts';

const [dataDir = '', firstPort = ''] = process.argv.slice(2);
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
const log = createLogger({ level: 'info', destination: 'stderr' });
const now = Date.now;
const store = await openStore({ path: join(dataDir, 'ringthrough.db') });
const fabric = new LocalFabric((error) => log.error({ err: error }, 'event listener failed'));
const min = Number(firstPort);
const media = await EmbeddedMediaPlane.start({
  host: '127.0.0.1',
  webrtcPort: 0,
  rtpPorts: { min, max: min + 99 },
  silenceTimeoutSeconds: 20,
  log,
});
const registrar = new Registrar({
  store,
  fabric,
  log,
  clock: systemClock,
  now,
  realm: 'ringthrough',
  secret: 'nonce key',
  nonceLifetimeMs: 300_000,
  limits: {
    minExpiresSeconds: 30,
    maxExpiresSeconds: 3600,
    defaultExpiresSeconds: 300,
    maxBindingsPerDevice: 5,
  },
  pingIntervalMs: 10_000,
});
const alerting = new Alerting({
  store,
  fabric,
  log,
  now,
  sms: { enqueue: async () => undefined, wake: () => undefined },
  isReachable: async (accountId) => registrar.availableNow(accountId).length > 0,
  dataDir,
  greetingFile: join(dataDir, 'greeting.wav'),
  maxMessageMs: 60_000,
  maxSilenceMs: 8_000,
  minVoiceMs: 600,
  maxMessagesPerAccount: 10,
});
const stack = new SipStack({
  userAgent: 'Ringthrough',
  listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
  log: log,
  screen: (request, flow) => calls.screen(request, flow),
});
const calls: CallService = new CallService({
  store,
  fabric,
  log,
  clock: systemClock,
  now,
  media,
  inviter: stack,
  alerting,
  registrar,
  // Everything comes from 127.0.0.1; whoever has registered is a device all the same.
  trunks: {
    trunkFor: () => ({ id: 'lab-gsm', cNumber: '+14155559000', country: 'US' }),
    byCNumber: (number) => (number === '+14155559000' ? {} : undefined),
  },
  carrierAnswers: async () => undefined,
  maxDiversions: 5,
  carrierVoicemail: { cancels: 3, spreadMs: 1000, minRingMs: 5000 },
  domain: 'localhost',
  ringTimeoutMs: 10_000,
  maxDurationMs: 60_000,
  maxConcurrent: 20,
  maxConcurrentPerAccount: 5,
});
for (const type of ['voicemail.stored', 'call.changed', 'device.registered'] as const) {
  fabric.subscribe(type, () => say(type));
}
say({ messages: await alerting.start(), calls: await calls.start() });
await registrar.start();
stack.on('invite', (session) => calls.handleInvite(session));
stack.on('request', (incoming) => calls.handleRequest(incoming));
await stack.start();
say({ sip: stack.addresses[0]?.port });
