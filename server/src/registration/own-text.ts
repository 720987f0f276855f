/** Texts beyond this number are not shared; they are then some sender's inventions, a new one each time. */
const maxShared = 10_000;

/**
 * A copy of the text alone. A part of a message, as the parser gives it, keeps the whole message in memory for as long
 * as the part is kept.
 */
export function ownText<T extends string | undefined>(text: T): T {
  return (text === undefined ? text : Buffer.from(text).toString()) as T;
}

/** Keeps one copy of each of a few texts that come again and again, such as User-Agent. */
export class SharedTexts {
  readonly #texts = new Map<string, string>();

  share<T extends string | undefined>(text: T): T {
    if (text === undefined) return text;
    const known = this.#texts.get(text);
    if (known !== undefined) return known as T;
    const own = ownText(text);
    if (this.#texts.size < maxShared) this.#texts.set(own, own);
    return own;
  }
}
