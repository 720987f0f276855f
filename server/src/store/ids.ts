import { randomBytes } from 'node:crypto';

/** 32 symbols without look-alikes; lower case, so that an id is safe in a file name anywhere. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz023456789';
const idLength = 20;

/** A random id: 100 bits, 20 characters, first one a letter (an id is then never taken for a number). */
export function newId(): string {
  const bytes = randomBytes(idLength);
  let id = '';
  for (const [index, byte] of bytes.entries()) id += alphabet[index === 0 ? byte % 16 : byte % 32];
  return id;
}
