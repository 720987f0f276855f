import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { PostAnswer, PostedMessage, PostToSelf } from '../carrier/index.ts';
import { type Config, variableFor } from '../config.ts';
import { LocalFabric } from '../fabric/index.ts';
import type { AskSelf } from '../forwarding/index.ts';
import { createHttpServer, type HttpServer } from '../http/index.ts';
import type { Logger } from '../log.ts';
import { StartError } from '../start-error.ts';
import { loadMasterKey, lockDataDir } from '../store/index.ts';
import { openCatalogue } from './catalogue.ts';
import { openDatabase } from './database.ts';
import { createGauges } from './gauges.ts';
import { createServices, type Services } from './services.ts';
import { reachableSip, sipServer } from './sip-listeners.ts';
import { smsGauges } from './sms-gauges.ts';
import { Teardown } from './teardown.ts';
import { startTelephony, type Telephony } from './telephony.ts';
import { validationGauges } from './validation-gauges.ts';
import { listenWeb, openWeb, ownOrigin, takeSipWebSockets, type Web } from './web.ts';

/** A guest in the house: has pages, and talks SIP to it from outside. */
export interface Guest {
  plugin: (app: FastifyInstance) => Promise<void>;
  close: () => Promise<void>;
}

export interface AllInOneOptions {
  config: Config;
  log: Logger;
  version: string;
  /** Started once SIP listens, mounted before HTTP does: the lab. */
  guest?: (sip: { host: string; port: number }, postToSelf: PostToSelf) => Promise<Guest>;
}

/** Where a started service can be reached. */
export interface Addresses {
  /** Such as http://localhost:8080. */
  http: string;
  /** host:port, UDP and TCP. */
  sip: string;
  webrtcPort: number;
}

interface Parts {
  services: Services;
  telephony: Telephony;
  http: HttpServer;
}

const sweepEveryMs = 600_000;

/** The complete service in one process. */
export class AllInOne {
  readonly addresses: Addresses;
  readonly #teardown: Teardown;

  private constructor(addresses: Addresses, teardown: Teardown) {
    this.addresses = addresses;
    this.#teardown = teardown;
  }

  /**
   * Opens everything; when a part cannot start, what was opened is closed again.
   * @throws StartError when the operator can help it
   */
  static async start(options: AllInOneOptions): Promise<AllInOne> {
    const teardown = new Teardown(options.log);
    try {
      const web = await openWeb(options.config, options.log.child({ module: 'http' }), teardown);
      const { config } = web;
      const { services, telephony, http } = await build({ ...options, config }, web, teardown);
      const httpPort = await listenWeb(web, http, teardown);
      services.sms.start();
      services.forwarding.start();
      teardown.add('forwarding', () => services.forwarding.close());
      // The first to go: a link that is lost on the way down is no news, and what is enqueued later is in the database.
      teardown.add('sms links', () => services.sms.close());
      const addresses = {
        http: ownOrigin(config, httpPort),
        sip: sipServer(config, telephony.stack.addresses),
        webrtcPort: telephony.media.webrtcPort,
      };
      return new AllInOne(addresses, teardown);
    } catch (error) {
      await teardown.close();
      throw error;
    }
  }

  /** Ends calls, says goodbye to clients, frees every port. Idempotent; never rejects. */
  close(): Promise<void> {
    return this.#teardown.close();
  }
}

async function build(options: AllInOneOptions, web: Web, teardown: Teardown): Promise<Parts> {
  const { config, log, version } = options;
  const masterKey = openDataDir(config, teardown);
  const store = await openDatabase(config, log.child({ module: 'store' }), teardown);
  const fabric = new LocalFabric((error) => log.error({ err: error }, 'event listener failed'));
  const base = { config, store, fabric, log, masterKey };
  const late: { app?: FastifyInstance } = {};
  const postToSelf: PostToSelf = (path, message) => inject(late.app, path, message);
  const services = createServices({
    ...base,
    catalogue: await openCatalogue(base, teardown),
    postToSelf,
    askSelf: (path, request) => askSelf(late.app, path, request),
  });
  teardown.add('sms', () => services.sms.close());
  sweepNowAndThen(services, log, teardown);
  const telephony = await startTelephony({ ...base, ...services, version }, teardown);
  fabric.subscribe('account.closed', () => {
    telephony.alerting.discard().catch((error: unknown) => log.error({ err: error }, 'audio was left over'));
  });
  const guest = await options.guest?.(reachableSip(config, telephony.stack.addresses), postToSelf);
  if (guest) teardown.add('guest', guest.close);

  const http = await createHttpServer({
    ...services,
    servers: web.servers,
    config,
    log: log.child({ module: 'http' }),
    fabric,
    calls: telephony.calls,
    forwardingChecks: telephony.ownCalls.checks,
    testCalls: telephony.testCalls,
    voicemails: telephony.alerting,
    smsWebhooks: services.sms.webhooks,
    sipServer: () => sipServer(config, telephony.stack.addresses),
    version,
    clientFolder: fileURLToPath(new URL('../../../client/dist', import.meta.url)),
    gauges: [
      ...createGauges(telephony, web.servers),
      ...smsGauges(services.sms),
      ...validationGauges(services.validations),
    ],
    plugins: guest ? [guest.plugin] : [],
  });
  const { app } = http;
  late.app = app;
  teardown.add('http', () => app.close());
  takeSipWebSockets({ config, log }, { app, telephony }, teardown);
  return { services, telephony, http };
}

/** Without a socket: the certificate of this server need not be for the address that it has on this machine. */
async function inject(
  app: FastifyInstance | undefined,
  path: string,
  message: PostedMessage,
): Promise<PostAnswer> {
  if (!app) throw new Error('HTTP does not run yet');
  const { headers, body, signal } = message;
  const answer = await app.inject({ method: 'POST', url: path, headers, payload: body, signal });
  const retryAfter = answer.headers['retry-after'];
  return { status: answer.statusCode, retryAfter: retryAfter === undefined ? undefined : String(retryAfter) };
}

async function askSelf(
  app: FastifyInstance | undefined,
  ...[url, request]: Parameters<AskSelf>
): ReturnType<AskSelf> {
  if (!app) throw new Error('HTTP does not run yet');
  const { method, headers, body, signal } = request;
  const answer = await app.inject({
    method,
    url,
    headers,
    signal,
    ...(body === undefined ? {} : { payload: body }),
  });
  // A value that is a number would be none on the wire.
  const texts = Object.entries(answer.headers).map(([name, value]) => [
    name,
    value === undefined ? value : String(value),
  ]);
  return { status: answer.statusCode, headers: Object.fromEntries(texts), body: answer.body };
}

/** @returns the key of the installation */
function openDataDir({ dataDir }: Config, teardown: Teardown): Buffer {
  try {
    teardown.add('lock', lockDataDir(dataDir));
    return loadMasterKey(dataDir);
  } catch (error) {
    const remedy = `Change dataDir in ringthrough.yaml, or set ${variableFor(['dataDir'])}.`;
    throw new StartError(`The data folder cannot be used: ${(error as Error).message}. ${remedy}`, {
      cause: error,
    });
  }
}

function sweepNowAndThen({ accounts, validations, sms }: Services, log: Logger, teardown: Teardown): void {
  const sweep = (): void => {
    Promise.all([accounts.sweep(), validations.sweep(), sms.sweep()]).catch((error: unknown) =>
      log.error({ err: error }, 'sweeping failed'),
    );
  };
  const timer = setInterval(sweep, sweepEveryMs);
  teardown.add('sweep', () => clearInterval(timer));
  sweep();
}
