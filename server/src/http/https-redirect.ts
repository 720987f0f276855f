import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/**
 * Leads whoever comes over plain HTTP to HTTPS (308: method and body stay).
 * @param origin where the service is; undefined: the host that the request names, on `port`
 */
export function redirectToHttps(origin: string | undefined, port: () => number): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const base = origin ?? sameHost(request.headers.host, port());
    // No other form of request target can be led anywhere (RFC 9112 section 3.2).
    if (base === undefined || !request.url?.startsWith('/')) {
      response.writeHead(400, { connection: 'close', 'content-length': 0 }).end();
      return;
    }
    const location = new URL(base).origin + request.url;
    response.writeHead(308, { location, connection: 'close', 'content-length': 0 }).end();
  };
}

function sameHost(host: string | undefined, port: number): string | undefined {
  if (host === undefined || !/^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?$/i.test(host)) return undefined;
  const name = host.replace(/:\d+$/, '');
  const url = `https://${name}:${port}`;
  return URL.canParse(url) ? url : undefined;
}
