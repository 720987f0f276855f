import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Logger } from '../log.ts';
import { Problem, type ProblemCode } from '../problem.ts';
import { isTemporary, StoreUnavailableError } from '../store/index.ts';

/** When too much waits for the database, or it is away. */
const retryAfter = 5;

/** Every error leaves as problem+json (RFC 9457). */
export function replyWithProblems(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = toProblem(error);
    // Ours, not the caller's: the cause goes to the log, and nothing of it into the answer.
    if (problem.status >= 500) {
      log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'request failed');
    }
    return sendProblem(reply, problem);
  });
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfter } = problem.extra;
  if (typeof retryAfter === 'number') reply.header('retry-after', retryAfter);
  if (problem.code === 'not-logged-in') reply.header('www-authenticate', 'Bearer');
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** The 404 of everything that is no page of the client. */
export function notFound(request: FastifyRequest): Problem {
  const where = request.url.startsWith('/api') ? ' The API is described at /api/docs.' : '';
  return new Problem('not-found', `Nothing answers ${request.method} here.${where}`);
}

const byFastifyCode: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'bad-json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'bad-json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
};

/** The answer to any error; what we do not know is ours (500). */
export function toProblem(error: FastifyError): Problem {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const faults = error.validation.map(
      ({ instancePath, message }) => `${error.validationContext ?? 'request'}${instancePath}: ${message}`,
    );
    return new Problem('bad-request', faults.join('; '), { extra: { faults } });
  }
  const code = byFastifyCode[error.code];
  if (code) return new Problem(code);
  const { statusCode } = error;
  if (statusCode === 416) return new Problem('range-not-satisfiable');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Problem('bad-request');
  if (isTemporary(error)) {
    const code = error instanceof StoreUnavailableError ? 'unavailable' : 'overloaded';
    return new Problem(code, 'Try again in a few seconds.', { extra: { retryAfter }, cause: error });
  }
  return new Problem('internal-error', undefined, { cause: error });
}
