import type { IncomingHttpHeaders } from 'node:http';

/**
 * Does this request come from the lab's own page or from no browser at all? The lab has no login, so another web page
 * must not be able to use it through the browser of the person who runs it.
 */
export function isSameSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin, host } = headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
