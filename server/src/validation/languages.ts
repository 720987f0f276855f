import type { Language } from '../config.ts';

/** Countries in which most people understand a language that we have; everywhere else English. */
const countries: Record<Exclude<Language, 'en'>, readonly string[]> = {
  es: 'AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV UY VE'.split(' '),
  fr: 'BE BF BI BJ BL CD CF CG CI CM DJ DZ FR GA GF GN GP HT KM LU MA MC MF MG ML MQ NC NE PF PM RE SN TD TG TN WF YT'.split(
    ' ',
  ),
  de: 'AT CH DE LI'.split(' '),
  hi: ['IN'],
};

/** @param country ISO 3166 */
export function languageOf(country: string): Language | undefined {
  const found = Object.entries(countries).find(([, members]) => members.includes(country));
  return found?.[0] as Language | undefined;
}
