import { describe, expect, it } from 'vitest';
import { ApiError } from '../api/client.ts';
import { explain } from './messages.ts';

describe('explain', () => {
  it.each([
    [
      { status: 422, code: 'wrong-code', extra: { attemptsLeft: 1 } },
      'That is not the code. You can try 1 more time.',
    ],
    [{ status: 422, code: 'wrong-code' }, 'That is not the code.'],
    [
      { status: 429, code: 'too-many-sends', extra: { retryAfter: 90 } },
      'Too many attempts to prove this number. Try again in 1:30.',
    ],
    [{ status: 0, code: 'offline' }, 'No connection. Check the network of this device and try again.'],
    [{ status: 409, code: 'something-new', detail: 'The server says why.' }, 'The server says why.'],
    [{ status: 500, code: 'something-new' }, 'That did not work. Try again.'],
  ])('%j', (init, words) => {
    expect(explain(new ApiError(init))).toBe(words);
  });
});
