import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import pg, { type ClientConfig, type CustomTypesConfig } from 'pg';

/** TLS to the database. Its certificate is always verified. */
export interface PostgresTls {
  /** Default: wherever the database is on another machine. */
  enabled?: boolean | undefined;
  /** PEM files; without `ca` the certificates that Node believes. */
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  /** Name in its certificate, when that is not the host. */
  serverName?: string | undefined;
}

export interface ConnectionOptionsOfPostgres {
  /** `postgres://user:password@host:port/database`; a Unix socket by `?host=/run/postgresql`. */
  url: string;
  /** Holds the password, read for each connection; the URL has none then. */
  passwordFile?: string | undefined;
  tls?: PostgresTls | undefined;
  /** For a connection to be there. */
  connectTimeoutMs: number;
  /** For a statement; 0: no limit. */
  queryTimeoutMs: number;
}

/** What the server waits for longer than the client is given up: half a minute of silence, or a transaction left open. */
const serverSettings = [
  'tcp_keepalives_idle=15',
  'tcp_keepalives_interval=5',
  'tcp_keepalives_count=3',
  'tcp_user_timeout=30000',
  'idle_in_transaction_session_timeout=60000',
];
/** The server gives a statement up before the client gives the connection up. */
const clientPatience = 1.5;

/** Times and counts are far below 2^53: numbers, as SQLite gives them. */
const int8 = 20;
const numeric = 1700;
const types: CustomTypesConfig = {
  getTypeParser: (id, format) =>
    id === int8 || id === numeric ? Number : pg.types.getTypeParser(id, format ?? 'text'),
};

/**
 * What `pg` is given for each connection.
 * @throws when the URL or a file cannot be used; the message holds no password
 */
export function connectionSettings(options: ConnectionOptionsOfPostgres): ClientConfig {
  const { host, ...place } = parsePlace(options.url);
  const { passwordFile, queryTimeoutMs } = options;
  const ssl = tlsOptions(host, options.tls ?? {});
  return {
    ...place,
    host,
    ...(passwordFile === undefined
      ? {}
      : { password: () => readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, '') }),
    ...(ssl ? { ssl } : {}),
    types,
    application_name: 'ringthrough',
    connectionTimeoutMillis: options.connectTimeoutMs,
    ...(queryTimeoutMs > 0
      ? { statement_timeout: queryTimeoutMs, query_timeout: Math.ceil(queryTimeoutMs * clientPatience) }
      : {}),
    keepAlive: true,
    keepAliveInitialDelayMillis: 15_000,
    options: serverSettings.map((setting) => `-c ${setting}`).join(' '),
    // Several statements of one write cross the wire at once.
    pipeline: true,
  } as ClientConfig;
}

/** Where the database is, for people: `ringthrough on db.example.org:5432`. */
export function describePlace(url: string): string {
  const { host, port, database } = parsePlace(url);
  return `${database} on ${host}${host.startsWith('/') ? '' : `:${port}`}`;
}

interface Place {
  host: string;
  port: number;
  user?: string;
  password?: string;
  database: string;
}

function parsePlace(text: string): Place {
  if (!URL.canParse(text))
    throw new Error('database.url is no URL (in a password, write / @ : # ? % as %2F …)');
  const url = new URL(text);
  for (const name of url.searchParams.keys()) {
    if (['host', 'port', 'user'].includes(name)) continue;
    const hint = name.startsWith('ssl') ? ': TLS is set by database.tls' : '';
    throw new Error(`database.url has a parameter that is not known here, ${name}${hint}`);
  }
  const user = url.searchParams.get('user') ?? decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  return {
    host: url.searchParams.get('host') ?? (url.hostname.replace(/^\[|\]$/g, '') || 'localhost'),
    port: Number(url.searchParams.get('port') ?? (url.port || 5432)),
    ...(user === '' ? {} : { user }),
    ...(password === '' ? {} : { password }),
    database: decodeURIComponent(url.pathname.slice(1)) || 'ringthrough',
  };
}

function tlsOptions(host: string, tls: PostgresTls): ConnectionOptions | undefined {
  if (!(tls.enabled ?? !isLocal(host))) return undefined;
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
  const name = tls.serverName ?? host;
  return {
    ca: read(tls.ca),
    cert: read(tls.cert),
    key: read(tls.key),
    rejectUnauthorized: true,
    // pg sets the name that is asked for (SNI) to the host; what is believed is decided here.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    minVersion: 'TLSv1.2',
  };
}

function isLocal(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127\./.test(host);
}
