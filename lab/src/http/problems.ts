import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { LabError } from '../model/errors.ts';

interface ProblemBody {
  type: 'about:blank';
  title: string;
  status: number;
  detail: string;
  code: string;
}

/** Answers every error as RFC 9457 asks; what is our own fault tells nothing of its inside. */
export function answerError(
  error: FastifyError | LabError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error);
  if (problem.status >= 500) request.log.error({ err: error }, 'A request to the lab failed.');
  return reply.code(problem.status).type('application/problem+json').send(problem);
}

function problemOf(error: FastifyError | LabError): ProblemBody {
  if (error instanceof LabError) {
    const { code, status, message } = error;
    return { type: 'about:blank', title: message, status, detail: message, code };
  }
  const status = error.statusCode ?? 500;
  if (status < 500) {
    return { type: 'about:blank', title: 'Bad request', status, detail: error.message, code: 'bad-input' };
  }
  const title = 'The lab failed';
  return { type: 'about:blank', title, status: 500, detail: 'See the log.', code: 'internal' };
}
