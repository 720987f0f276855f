import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts, Session } from '../accounts/index.ts';
import type { Config } from '../config.ts';
import { Problem } from '../problem.ts';

export const cookieName = 'ringthrough_session';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Finds out who asks: `Authorization: Bearer` or the cookie. A cookie alone moves nothing: a request that changes
 * something must also have the header that no other site's form can send (CSRF).
 * @throws Problem `csrf-header-missing`
 */
export async function authenticate(request: FastifyRequest, accounts: Accounts): Promise<void> {
  const bearer = /^Bearer ([\w-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const cookie = request.cookies[cookieName];
  const token = bearer ?? cookie;
  if (token === undefined || token.length > 128) return;
  const session = await accounts.sessions.authenticate(token);
  if (!session) return;
  const byCookie = bearer === undefined;
  if (byCookie && !safeMethods.has(request.method) && request.headers['x-requested-with'] !== 'ringthrough') {
    throw new Problem('csrf-header-missing', 'Send the header X-Requested-With: ringthrough.');
  }
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

export function setSessionCookie(reply: FastifyReply, config: Config, token: string): void {
  reply.setCookie(cookieName, token, {
    ...cookieScope(config),
    maxAge: Math.round(config.accounts.sessionLifetimeDays * 86_400),
  });
}

/** The server extends a session whenever it is used; the browser's copy follows. */
export function renewSessionCookie(request: FastifyRequest, reply: FastifyReply, config: Config): void {
  const token = request.cookies[cookieName];
  if (request.session?.byCookie && token) setSessionCookie(reply, config, token);
}

export function clearSessionCookie(reply: FastifyReply, config: Config): void {
  reply.clearCookie(cookieName, cookieScope(config));
}

function cookieScope(config: Config) {
  const { secureCookies, publicOrigin, tls } = config.http;
  const secure = secureCookies ?? (tls !== undefined || publicOrigin?.startsWith('https:') === true);
  return { path: '/api', httpOnly: true, sameSite: 'strict', secure } as const;
}
