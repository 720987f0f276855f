import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { createLogger } from '../log.ts';
import { StoreUnavailableError, StoreWriteError } from '../store/index.ts';
import { replyWithProblems } from './problem-replies.ts';

const failed = (code: StoreWriteError['code']) =>
  new StoreWriteError(code, { message: 'of the inside', errcode: undefined });

it.each([
  ['too many writes', failed('overload'), 503, 'overloaded', '5'],
  ['a lost database', new StoreUnavailableError('of the inside'), 503, 'unavailable', '5'],
  ['a lost write', failed('lost'), 500, 'internal-error', undefined],
] as const)('%s: how the request is answered', async (_, error, status, problem, retryAfter) => {
  const app = Fastify({ logger: false });
  replyWithProblems(app, createLogger({ level: 'silent', destination: 'stderr' }));
  app.get('/', () => {
    throw error;
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
