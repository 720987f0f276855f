import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { type HttpServer, redirectToHttps, SipWebSocket, WebServers } from '../http/index.ts';
import type { Logger } from '../log.ts';
import { explainListenError } from '../start-error.ts';
import type { Teardown } from './teardown.ts';
import type { Telephony } from './telephony.ts';
import { readTlsFiles, watchTlsFiles } from './tls-files.ts';

/** The sockets' side of HTTP, with its certificate where there is one. */
export interface Web {
  /** With `http.publicOrigin` as the certificate says, where nobody else does. */
  config: Config;
  servers: WebServers;
}

/** @throws StartError when the certificate cannot be used */
export async function openWeb(config: Config, log: Logger, teardown: Teardown): Promise<Web> {
  const { tls } = config.http;
  if (!tls) return { config, servers: new WebServers(config.http) };
  const certificate = await readTlsFiles(tls, 'http.tls', log);
  const servers = new WebServers(config.http, certificate);
  const apply = servers.setCertificate.bind(servers);
  teardown.add('http certificate', watchTlsFiles({ files: tls, setting: 'http.tls', log, apply }));
  return { config: withOwnName(config, certificate.cert), servers };
}

/** Behind a loopback address nobody has a name, whatever the certificate says; and port 0 is no port yet. */
function withOwnName(config: Config, certificate: Buffer): Config {
  const { host, port, publicOrigin } = config.http;
  if (publicOrigin !== undefined || isLoopback(host) || port === 0) return config;
  const names = new X509Certificate(certificate).subjectAltName ?? '';
  const name = /(?:^|, )DNS:([^*,\s]+)/.exec(names)?.[1];
  if (name === undefined) return config;
  return { ...config, http: { ...config.http, publicOrigin: new URL(`https://${name}:${port}`).origin } };
}

/**
 * Opens the port of the service, that of /metrics and the one that leads to HTTPS. Gives the first one.
 * @throws StartError when one cannot be had
 */
export async function listenWeb(
  { config, servers }: Web,
  { app, metrics }: HttpServer,
  teardown: Teardown,
): Promise<number> {
  const { host, port, tls, publicOrigin } = config.http;
  const open = async (key: string[], at: { host: string; port: number }, listener: RequestListener) => {
    const server = servers.createPlain(listener);
    await listen(server, at, key);
    teardown.add(key.join('.'), () => close(server));
  };
  await app.listen({ host, port }).catch((error: unknown) => {
    throw explainListenError(error, ['http', 'port']);
  });
  const ownPort = (app.server.address() as AddressInfo).port;
  const { metrics: at } = config.http;
  if (metrics && at.port !== undefined)
    await open(['http', 'metrics', 'port'], { host: at.host, port: at.port }, metrics);
  if (tls?.redirectPort !== undefined) {
    const redirect = redirectToHttps(publicOrigin, () => ownPort);
    await open(['http', 'tls', 'redirectPort'], { host, port: tls.redirectPort }, redirect);
  }
  return ownPort;
}

async function listen(server: Server, at: { host: string; port: number }, key: string[]): Promise<void> {
  server.listen(at);
  await once(server, 'listening').catch((error: unknown) => {
    throw explainListenError(error, key);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** SIP over WebSocket on the port of the service. */
export function takeSipWebSockets(
  { config, log }: { config: Config; log: Logger },
  { app, telephony }: { app: FastifyInstance; telephony: Telephony },
  teardown: Teardown,
): void {
  const { stack, registrar, calls } = telephony;
  const webSocket = new SipWebSocket({
    config,
    log: log.child({ module: 'sip-websocket' }),
    attach: (socket, { address, port, secure }) => {
      const flow = stack.attachWebSocket(socket, { host: address, port }, { secure });
      return { registered: () => registrar.knows(flow) };
    },
  });
  webSocket.listen(app.server);
  teardown.add('sip-websocket', () => webSocket.close());
  // Once more, and first of all: the calls' last messages still need their sockets.
  teardown.add('calls', () => calls.close());
}

/** As the operator and people on this machine write it. */
export function ownOrigin({ http }: Config, port: number): string {
  if (http.publicOrigin !== undefined) return http.publicOrigin;
  const { host, tls } = http;
  // Browsers give the microphone to localhost without a certificate, and cookies know it by name.
  const shown = isLoopback(host) || isAny(host) ? 'localhost' : host;
  return `${tls ? 'https' : 'http'}://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';
const isLoopback = (host: string): boolean => host === '127.0.0.1' || host === '::1' || host === 'localhost';
