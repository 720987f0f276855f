import { formatParams, type Params, parseDecimal, parseParams, skipLws, tokenEnd } from './grammar.ts';
import { formatHostPort, parseHost } from './uri.ts';

/** One Via value (RFC 3261 20.42). */
export interface Via {
  /** Name and version, `SIP/2.0`. */
  protocol: string;
  /** In upper case: `UDP`, `TCP`, `TLS`, `WS`, … */
  transport: string;
  /** IPv6 without its brackets. */
  host: string;
  port?: number;
  /** Names in lower case: branch, received, rport (`undefined` while it asks), … */
  params: Params;
}

/** Parses one Via value; white space around the slashes is legal (RFC 4475 3.1.1.1). Undefined when malformed. */
export function parseVia(text: string): Via | undefined {
  const name = tokenAt(text, 0);
  const version = tokenAt(text, slashAt(text, name.end));
  const transport = tokenAt(text, slashAt(text, version.end));
  if (name.token === '' || version.token === '' || transport.token === '') return undefined;
  const hostStart = skipLws(text, transport.end);
  if (hostStart === transport.end) return undefined;
  const parsed = parseHost(text, hostStart);
  if (parsed === undefined) return undefined;
  const via: Via = {
    protocol: `${name.token.toUpperCase()}/${version.token}`,
    transport: transport.token.toUpperCase(),
    host: parsed.host,
    params: new Map(),
  };
  const at = parsePort(text, parsed.end, via);
  const params = at < 0 ? undefined : parseParams(text, at);
  if (params === undefined) return undefined;
  via.params = params;
  return via;
}

function parsePort(text: string, start: number, via: Via): number {
  const at = skipLws(text, start);
  if (text[at] !== ':') return at;
  const digits = skipLws(text, at + 1);
  const end = tokenEnd(text, digits);
  const port = parseDecimal(text.slice(digits, end), 65_535);
  if (port === undefined) return -1;
  via.port = port;
  return end;
}

function tokenAt(text: string, start: number): { token: string; end: number } {
  if (start < 0) return { token: '', end: -1 };
  const from = skipLws(text, start);
  const end = tokenEnd(text, from);
  return { token: text.slice(from, end), end };
}

/** Index after the slash that follows, -1 when there is none. */
function slashAt(text: string, start: number): number {
  if (start < 0) return -1;
  const at = skipLws(text, start);
  return text[at] === '/' ? at + 1 : -1;
}

/** Writes a Via value. */
export function formatVia(via: Via): string {
  return `${via.protocol}/${via.transport} ${formatHostPort(via.host, via.port)}${formatParams(via.params)}`;
}
