import type { Migration } from 'kysely';
import { initial } from './0001-initial.ts';

/** In order of their names. A migration that was released is never changed: add one. */
export const migrations: Record<string, Migration> = {
  '0001-initial': initial,
};
