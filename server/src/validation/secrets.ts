import { createHash, createHmac, randomInt, timingSafeEqual } from 'node:crypto';

/** No sign that a link, an SMS or a voice spoils; no look-alikes in what people type. */
const tokenSigns = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const wordSigns = '23456789ABCDEFGHJKMNPQRSTVWXYZ';

function random(length: number, signs: string): string {
  let text = '';
  for (let index = 0; index < length; index += 1) text += signs[randomInt(signs.length)];
  return text;
}

/** Every code equally likely, leading zeros too. */
export const randomDigits = (count: number): string => random(count, '0123456789');

/** 22 letters and digits: 131 bits. */
export const randomToken = (): string => random(22, tokenSigns);

/** 8 signs that people can type and read out: 39 bits. */
export const randomWord = (): string => random(8, wordSigns);

/** Recognises answers without holding them. With the database alone, six digits would be guessed at once: so it has a key. */
export class AnswerHash {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  of(idHash: string, answer: string): string {
    return this.#mac(idHash, answer).toString('hex');
  }

  /** Constant time. */
  matches(expected: string, idHash: string, answer: string): boolean {
    return timingSafeEqual(this.#mac(idHash, answer), Buffer.from(expected, 'hex'));
  }

  #mac(idHash: string, answer: string): Buffer {
    return createHmac('sha256', this.#key).update(`${idHash}:${answer}`).digest();
  }
}

/** Of ids and proofs: random enough to need no key. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
