import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { type Config, variableFor } from '../config.ts';
import { LocalFabric } from '../fabric/index.ts';
import { createHttpServer, SipWebSocket } from '../http/index.ts';
import type { Logger } from '../log.ts';
import { explainListenError, StartError } from '../start-error.ts';
import { loadMasterKey, lockDataDir, openStore, type Store } from '../store/index.ts';
import { createGauges } from './gauges.ts';
import { createServices, type Services } from './services.ts';
import { reachableSip, sipServer } from './sip-listeners.ts';
import { Teardown } from './teardown.ts';
import { startTelephony, type Telephony } from './telephony.ts';

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
  guest?: (sip: { host: string; port: number }) => Promise<Guest>;
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
  app: FastifyInstance;
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
    const { config } = options;
    try {
      let httpPort = config.http.port;
      const ownOrigin = () => `http://${connectableHost(config.http.host)}:${httpPort}`;
      const { services, telephony, app } = await build(options, ownOrigin, teardown);
      httpPort = await listen(app, config);
      services.sms.start();
      const addresses = {
        http: config.http.publicOrigin ?? `http://${shownHost(config.http.host)}:${httpPort}`,
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

async function build(options: AllInOneOptions, ownOrigin: () => string, teardown: Teardown): Promise<Parts> {
  const { config, log, version } = options;
  const { store, masterKey } = await openData(config, teardown);
  const fabric = new LocalFabric((error) => log.error({ err: error }, 'event listener failed'));
  const base = { config, store, fabric, log, masterKey };
  const services = createServices({ ...base, ownOrigin });
  teardown.add('sms', () => services.sms.close());
  sweepNowAndThen(services, log, teardown);
  const telephony = await startTelephony({ ...base, ...services, version }, teardown);
  const guest = await options.guest?.(reachableSip(config, telephony.stack.addresses));
  if (guest) teardown.add('guest', guest.close);

  const app = await createHttpServer({
    ...services,
    config,
    log: log.child({ module: 'http' }),
    fabric,
    calls: telephony.calls,
    voicemails: telephony.alerting,
    sipServer: () => sipServer(config, telephony.stack.addresses),
    version,
    clientFolder: fileURLToPath(new URL('../../../client/dist', import.meta.url)),
    gauges: createGauges(store, telephony),
    plugins: guest ? [guest.plugin] : [],
  });
  teardown.add('http', () => app.close());
  takeSipWebSockets({ config, log }, { app, telephony }, teardown);
  return { services, telephony, app };
}

async function openData(
  { dataDir }: Config,
  teardown: Teardown,
): Promise<{ store: Store; masterKey: Buffer }> {
  try {
    teardown.add('lock', lockDataDir(dataDir));
    const masterKey = loadMasterKey(dataDir);
    const store = await openStore({ path: join(dataDir, 'ringthrough.db') });
    teardown.add('store', () => store.destroy());
    return { store, masterKey };
  } catch (error) {
    const remedy = `Change dataDir in ringthrough.yaml, or set ${variableFor(['dataDir'])}.`;
    throw new StartError(`The data folder cannot be used: ${(error as Error).message}. ${remedy}`, {
      cause: error,
    });
  }
}

function takeSipWebSockets(
  { config, log }: { config: Config; log: Logger },
  { app, telephony }: { app: FastifyInstance; telephony: Telephony },
  teardown: Teardown,
): void {
  const webSocket = new SipWebSocket({
    config,
    log: log.child({ module: 'sip-websocket' }),
    attach: (socket, { address, port }) => telephony.stack.attachWebSocket(socket, { host: address, port }),
  });
  webSocket.listen(app.server);
  teardown.add('sip-websocket', () => webSocket.close());
  // Once more, and first of all: the calls' last messages still need their sockets.
  teardown.add('calls', () => telephony.calls.close());
}

async function listen(app: FastifyInstance, config: Config): Promise<number> {
  const { host, port } = config.http;
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw explainListenError(error, ['http', 'port']);
  }
  return (app.server.address() as AddressInfo).port;
}

function sweepNowAndThen({ accounts, validations, sms }: Services, log: Logger, teardown: Teardown): void {
  const sweep = (): void => {
    Promise.all([accounts.sessions.sweep(), validations.sweep(), sms.sweep()]).catch((error: unknown) =>
      log.error({ err: error }, 'sweeping failed'),
    );
  };
  const timer = setInterval(sweep, sweepEveryMs);
  teardown.add('sweep', () => clearInterval(timer));
  sweep();
}

/** Browsers give the microphone to localhost without a certificate, and cookies know it by name. */
function shownHost(host: string): string {
  return isLoopback(host) || isAny(host) ? 'localhost' : host;
}

function connectableHost(host: string): string {
  if (isAny(host)) return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';
const isLoopback = (host: string): boolean => host === '127.0.0.1' || host === '::1' || host === 'localhost';
