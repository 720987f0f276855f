import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { createLogger } from '../log.ts';
import { StoreWriteError } from '../store/index.ts';
import { replyWithProblems } from './problem-replies.ts';

it.each([
  ['overload', 503, 'overloaded', '5'],
  ['lost', 500, 'internal-error', undefined],
] as const)('a write that fails for %s is answered %i', async (code, status, problem, retryAfter) => {
  const app = Fastify({ logger: false });
  replyWithProblems(app, createLogger({ level: 'silent', destination: 'stderr' }));
  app.get('/', () => {
    throw new StoreWriteError(code, { message: 'of the inside', errcode: undefined });
  });
  const answer = await app.inject('/');
  expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([
    status,
    problem,
    retryAfter,
  ]);
  expect(answer.body).not.toContain('inside');
  await app.close();
});
