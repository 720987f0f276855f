import { signal } from '@preact/signals';
import { en } from './en.ts';
import { setTexts, type Texts } from './index.ts';

/** What each language calls itself. */
export const languages = {
  en: 'English',
  es: 'Español',
  fr: 'Français',
  de: 'Deutsch',
  hi: 'हिन्दी',
} as const;

export type Language = keyof typeof languages;

export const languageCodes = Object.keys(languages) as Language[];

/** English is part of the first load; the others come when they are asked for. */
const loaders: Record<Language, () => Promise<Texts>> = {
  en: async () => en,
  es: async () => (await import('./es.ts')).es,
  fr: async () => (await import('./fr.ts')).fr,
  de: async () => (await import('./de.ts')).de,
  hi: async () => (await import('./hi.ts')).hi,
};

const storageKey = 'ringthrough.language';

/** What the person chose on this device; `system` follows the browser. */
export const languageChoice = signal<Language | 'system'>('system');

/** The language on the screen. Whoever draws words depends on it. */
export const language = signal<Language>('en');

function isLanguage(text: string | null): text is Language {
  return text !== null && Object.hasOwn(languages, text);
}

/** The first of the browser's languages that there are words in; English when there is none. */
export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.split('-')[0]?.toLowerCase() ?? '';
    if (isLanguage(base)) return base;
  }
  return 'en';
}

/** The tag for `Intl`: with the region that the browser names, as `de-CH` for dates of Switzerland. */
export function localeOf(chosen: Language, wanted: readonly string[]): string {
  return wanted.find((tag) => tag.split('-')[0]?.toLowerCase() === chosen) ?? chosen;
}

let latest = 0;

async function use(chosen: Language): Promise<void> {
  latest += 1;
  const mine = latest;
  const words = await loaders[chosen]();
  // Chosen again in the meantime: the last choice counts.
  if (mine !== latest) return;
  const tag = localeOf(chosen, navigator.languages);
  setTexts(words, tag);
  document.documentElement.lang = tag;
  language.value = chosen;
}

/** The language that this device last had, loaded; stays English when it cannot be loaded. */
export async function startLanguage(): Promise<void> {
  const kept = localStorage.getItem(storageKey);
  if (isLanguage(kept)) languageChoice.value = kept;
  const follow = () => {
    if (languageChoice.value === 'system') void use(languageOf(navigator.languages)).catch(() => undefined);
  };
  addEventListener('languagechange', follow);
  try {
    await use(isLanguage(kept) ? kept : languageOf(navigator.languages));
  } catch {
    // Neither network nor cache: the page is in English, which came with it.
  }
}

/** Changes the language and keeps the choice. @throws when its words cannot be loaded */
export async function chooseLanguage(choice: Language | 'system'): Promise<void> {
  await use(choice === 'system' ? languageOf(navigator.languages) : choice);
  languageChoice.value = choice;
  if (choice === 'system') localStorage.removeItem(storageKey);
  else localStorage.setItem(storageKey, choice);
}
