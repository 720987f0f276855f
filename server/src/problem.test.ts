import { describe, expect, it } from 'vitest';
import { Problem, problems } from './problem.ts';

describe('Problem', () => {
  it('is RFC 9457 problem details with our code', () => {
    const problem = new Problem('wrong-code', 'Try again.', { extra: { attemptsLeft: 4 } });
    expect(JSON.parse(JSON.stringify(problem))).toEqual({
      type: 'urn:ringthrough:problem:wrong-code',
      title: 'The code is wrong',
      status: 422,
      detail: 'Try again.',
      code: 'wrong-code',
      attemptsLeft: 4,
    });
    expect(problem).toBeInstanceOf(Error);
  });

  it('keeps the cause out of the answer', () => {
    const problem = new Problem('internal-error', undefined, { cause: new Error('secret detail') });
    expect(problem.cause).toBeInstanceOf(Error);
    expect(JSON.stringify(problem)).not.toContain('secret detail');
  });

  it('has error statuses only, and codes in kebab case', () => {
    for (const [code, { status }] of Object.entries(problems)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });
});
