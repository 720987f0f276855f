import { en } from './en.ts';

export type Texts = typeof en;

/**
 * The words of the language in use: a live binding, so that every import sees the change. English is there from
 * the start; `language.ts` puts another in its place.
 */
export let texts: Texts = en;

/** For dates, numbers and names of countries: a BCP 47 tag; undefined as long as no language was chosen. */
export let locale: string | undefined;

/** Changes the words. What is on the screen is drawn anew by the signal of `language.ts`. */
export function setTexts(next: Texts, nextLocale: string): void {
  texts = next;
  locale = nextLocale;
}
