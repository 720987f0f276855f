import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import { fr } from './fr.ts';
import { hi } from './hi.ts';
import type { Texts } from './index.ts';
import { type Language, languageOf, languages, localeOf } from './language.ts';

const translations: Record<Exclude<Language, 'en'>, Texts> = { es, fr, de, hi };
const all: Record<Language, Texts> = { en, ...translations };

type Leaf = string | ((...values: never[]) => string);

/** Every text with its path, as `errors.offline`. */
function leaves(value: object, path = ''): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  for (const [key, member] of Object.entries(value)) {
    const here = path ? `${path}.${key}` : key;
    if (typeof member === 'object' && member !== null) {
      for (const [below, leaf] of leaves(member, here)) found.set(below, leaf);
    } else found.set(here, member);
  }
  return found;
}

/** The text with a mark in the place of every value; counts are numbers, so a text gets both. */
function render(leaf: Leaf, values: unknown[]): string {
  return typeof leaf === 'string' ? leaf : (leaf as (...given: unknown[]) => string)(...values);
}

const marks = ['⟦1⟧', '⟦2⟧', '⟦3⟧'];
/** No language writes a number like this differently, and it is "other" in all of them. */
const count = 7;

/** Words that are the same in the other language, looked at one by one. */
const same: Record<Exclude<Language, 'en'>, string[]> = {
  es: ['devices.softphone'],
  fr: ['devices.softphone', 'devices.transport', 'settings.notifications', 'setup.notifications'],
  de: [
    'devices.softphone',
    'devices.server',
    'devices.domain',
    'devices.transport',
    'reach.offline',
    'devices.unknownBrowser',
  ],
  hi: [],
};

const english = leaves(en);

describe.each(Object.keys(translations) as Array<keyof typeof translations>)('%s', (code) => {
  const words = leaves(translations[code]);

  it('has every text and no other', () => {
    expect([...words.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('has no empty text, and none with white space at its ends', () => {
    const bad = [...words].filter(([, leaf]) => {
      const text = render(leaf, marks);
      return text.trim() === '' || text.trim() !== text;
    });
    expect(bad.map(([path]) => path)).toEqual([]);
  });

  it('leaves nothing in English', () => {
    const left = [...words].filter(([path, leaf]) => {
      const source = english.get(path) ?? '';
      return render(leaf, marks) === render(source, marks) && !same[code].includes(path);
    });
    expect(left.map(([path]) => path)).toEqual([]);
  });

  it('names the same values', () => {
    const missing: string[] = [];
    for (const [path, leaf] of words) {
      const source = english.get(path) ?? '';
      for (const values of [marks, [count]]) {
        for (const value of values) {
          const wanted = render(source, values).includes(String(value));
          if (wanted !== render(leaf, values).includes(String(value))) missing.push(`${path}: ${value}`);
        }
      }
    }
    expect(missing).toEqual([]);
  });

  it('keeps commands, names and addresses', () => {
    const kept = /##\d+#|Ringthrough|Linphone|Safari|iPhone|https|localhost|SMS|QR|SIP|UDP|TCP/g;
    const lost: string[] = [];
    for (const [path, leaf] of words) {
      const source = render(english.get(path) ?? '', marks);
      for (const name of source.match(kept) ?? []) {
        if (!render(leaf, marks).includes(name)) lost.push(`${path}: ${name}`);
      }
    }
    expect(lost).toEqual([]);
  });
});

it('Hindi is written in Devanagari throughout', () => {
  const names = /Ringthrough|Linphone|Safari|iPhone|https|localhost|SMS|QR|SIP|UDP|TCP|ms|⟦\d⟧/g;
  const latin = [...leaves(hi)].filter(([, leaf]) => {
    return [marks, [count]].every((values) => /[a-z]/i.test(render(leaf, values).replace(names, '')));
  });
  expect(latin.map(([path]) => path)).toEqual([]);
});

describe('counts', () => {
  it.each([
    ['en', 1, 'One new voicemail'],
    ['en', 2, '2 new voicemails'],
    ['es', 1, 'Un mensaje de voz nuevo'],
    ['es', 2, '2 mensajes de voz nuevos'],
    ['fr', 0, '0 nouveau message'],
    ['fr', 2, '2 nouveaux messages'],
    ['de', 1, 'Eine neue Nachricht'],
    ['de', 2, '2 neue Nachrichten'],
    ['hi', 1, '1 नया वॉइसमेल'],
    ['hi', 2, '2 नए वॉइसमेल'],
  ] as const)('%s, %i', (code, given, text) => {
    expect(all[code].home.unheard(given)).toBe(text);
  });
});

it('has words for every error of the API that a person can cause', () => {
  const source = readFileSync(new URL('../../../server/src/problem.ts', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/^ {2}'?([a-z-]+)'?: \{ status/gm)].map(([, code]) => code ?? '');
  expect(codes.length).toBeGreaterThan(20);
  /** Mistakes of a program or of the operator: the general words do. */
  const ofPrograms = [
    'bad-request',
    'bad-json',
    'csrf-header-missing',
    'not-found',
    'body-too-large',
    'unsupported-media-type',
    'range-not-satisfiable',
    'bad-webhook-token',
    'carrier-exists',
    'carrier-not-editable',
    'carrier-in-use',
  ];
  const without = codes.filter((code) => !(code in en.errors) && !ofPrograms.includes(code));
  expect(without).toEqual([]);
});

describe('which language', () => {
  it.each([
    [['de-CH', 'en-US'], 'de'],
    [['pt-BR', 'es-MX', 'en'], 'es'],
    [['HI'], 'hi'],
    [['ja', 'ko'], 'en'],
    [[], 'en'],
  ])('%j', (wanted, code) => {
    expect(languageOf(wanted)).toBe(code);
  });

  it('takes the region for dates from the browser, where it goes with the language', () => {
    expect(localeOf('de', ['en-US', 'de-CH'])).toBe('de-CH');
    expect(localeOf('fr', ['en-US'])).toBe('fr');
  });

  it('offers five, each in its own name', () => {
    expect(Object.values(languages)).toEqual(['English', 'Español', 'Français', 'Deutsch', 'हिन्दी']);
  });
});
