import { expect, it } from 'vitest';
import { newId } from './index.ts';

it('an id is 20 safe characters, never the same', () => {
  const ids = new Set(Array.from({ length: 1000 }, newId));
  expect(ids.size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^[a-z][a-z0-9]{19}$/);
});
