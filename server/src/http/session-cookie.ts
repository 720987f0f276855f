import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts, Session, Tokens } from '../accounts/index.ts';
import type { Config } from '../config.ts';
import { Problem } from '../problem.ts';

export const cookieName = 'ringthrough_session';
export const refreshCookieName = 'ringthrough_refresh';

/** The one place where the refresh token is sent to. */
const refreshPath = '/api/sessions/refresh';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Finds out who asks: `Authorization: Bearer` or the cookie. A cookie alone moves nothing: a request that changes
 * something must also have the header that no other site's form can send (CSRF).
 * @throws Problem `csrf-header-missing`
 */
export async function authenticate(request: FastifyRequest, accounts: Accounts): Promise<void> {
  const bearer = /^Bearer ([\w-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = bearer ?? request.cookies[cookieName];
  if (token === undefined || token.length > 128) return;
  const session = await accounts.sessions.authenticate(token);
  if (!session) {
    request.staleSession = true;
    return;
  }
  const byCookie = bearer === undefined;
  if (byCookie && !safeMethods.has(request.method)) requireHeader(request);
  request.session = { ...session, byCookie };
}

/** For the `onRequest` of routes that need a person. @throws Problem `not-logged-in` */
export async function loggedIn(request: FastifyRequest): Promise<void> {
  sessionOf(request);
}

/** @throws Problem `not-logged-in` */
export function sessionOf(request: FastifyRequest): Session & { byCookie: boolean } {
  if (!request.session) throw new Problem('not-logged-in');
  return request.session;
}

/** The refresh token of a browser. @throws Problem `not-logged-in`, `csrf-header-missing` */
export function refreshCookieOf(request: FastifyRequest): string {
  const token = request.cookies[refreshCookieName];
  if (token === undefined) throw new Problem('not-logged-in');
  requireHeader(request);
  return token;
}

/**
 * Both cookies stay as long as the session: an access token that has expired is still sent, so that its client hears that
 * it is to refresh instead of being taken for a stranger.
 */
export function setSessionCookies(reply: FastifyReply, config: Config, tokens: Tokens): void {
  const maxAge = Math.round(config.accounts.sessionLifetimeDays * 86_400);
  const scope = cookieScope(config);
  reply.setCookie(cookieName, tokens.accessToken, { ...scope, maxAge });
  reply.setCookie(refreshCookieName, tokens.refreshToken, { ...scope, path: refreshPath, maxAge });
}

export function clearSessionCookies(reply: FastifyReply, config: Config): void {
  reply.clearCookie(cookieName, cookieScope(config));
  reply.clearCookie(refreshCookieName, { ...cookieScope(config), path: refreshPath });
}

function requireHeader(request: FastifyRequest): void {
  if (request.headers['x-requested-with'] === 'ringthrough') return;
  throw new Problem('csrf-header-missing', 'Send the header X-Requested-With: ringthrough.');
}

function cookieScope(config: Config) {
  const { secureCookies, publicOrigin, tls } = config.http;
  const secure = secureCookies ?? (tls !== undefined || publicOrigin?.startsWith('https:') === true);
  return { path: '/api', httpOnly: true, sameSite: 'strict', secure } as const;
}
