import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { LocalFabric } from '../fabric/index.ts';
import { createHttpServer } from '../http/index.ts';
import type { Logger } from '../log.ts';
import { loadMasterKey, openStore, type Store } from '../store/index.ts';
import { createServices } from './services.ts';
import { explainListenError } from './start-error.ts';
import { Teardown } from './teardown.ts';

export interface AllInOneOptions {
  config: Config;
  log: Logger;
  version: string;
}

/** Where a started service can be reached. */
export interface Addresses {
  /** Such as http://localhost:8080. */
  http: string;
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
      return new AllInOne(await startParts(options, teardown), teardown);
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

async function startParts(options: AllInOneOptions, teardown: Teardown): Promise<Addresses> {
  const { config, log, version } = options;
  const masterKey = loadMasterKey(config.dataDir);
  const store = await openStore({ path: join(config.dataDir, 'ringthrough.db') });
  teardown.add('store', () => store.destroy());
  const fabric = new LocalFabric((error) => log.error({ err: error }, 'event listener failed'));
  let httpPort = config.http.port;
  const ownOrigin = () => `http://${connectableHost(config.http.host)}:${httpPort}`;
  const services = createServices({ config, store, fabric, log, masterKey, ownOrigin });
  teardown.add('sms', () => services.sms.close());
  sweepNowAndThen(services, log, teardown);

  const app = await createHttpServer({
    ...services,
    config,
    log: log.child({ module: 'http' }),
    fabric,
    calls: { history: async () => [] },
    voicemails: {
      voicemails: async () => [],
      voicemailAudio: async () => undefined,
      markHeard: async () => false,
      delete: async () => false,
    },
    sipServer: () => `${config.sip.advertisedHost ?? config.sip.host}:${config.sip.port}`,
    version,
    clientFolder: fileURLToPath(new URL('../../../client/dist', import.meta.url)),
    gauges: [smsBacklog(store)],
  });
  teardown.add('http', () => app.close());
  httpPort = await listen(app, config);
  services.sms.start();
  return { http: config.http.publicOrigin ?? `http://${shownHost(config.http.host)}:${httpPort}` };
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

function sweepNowAndThen(
  { accounts, validations }: ReturnType<typeof createServices>,
  log: Logger,
  teardown: Teardown,
): void {
  const sweep = (): void => {
    Promise.all([accounts.sessions.sweep(), validations.sweep()]).catch((error: unknown) =>
      log.error({ err: error }, 'sweeping failed'),
    );
  };
  const timer = setInterval(sweep, sweepEveryMs);
  teardown.add('sweep', () => clearInterval(timer));
  sweep();
}

function smsBacklog(store: Store) {
  return {
    name: 'ringthrough_sms_waiting',
    help: 'SMS not yet taken by their carrier',
    read: async () => {
      const { count } = await store
        .selectFrom('sms_outbox')
        .select((sms) => sms.fn.countAll<number>().as('count'))
        .where('sent_at', 'is', null)
        .where('failed_at', 'is', null)
        .executeTakeFirstOrThrow();
      return count;
    },
  };
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
