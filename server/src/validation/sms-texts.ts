import type { Language } from '../config.ts';

/**
 * What people get by SMS. Each fits into one message where its alphabet allows it: 160 signs of GSM 7 bit (3GPP TS 23.038),
 * 70 of UCS-2, which Hindi needs. (That alphabet has no á, í, ó, ú: hence the choice of words.) The last line binds the code to our origin, so that a browser hands it to no other page
 * (origin-bound one-time codes); nothing may follow it.
 */
const codes: Record<Language, (code: string) => string> = {
  en: (code) => `Your Ringthrough code is ${code}. Give it to nobody.`,
  es: (code) => `Tu clave de Ringthrough es ${code}. No se la des a nadie.`,
  fr: (code) => `Votre code Ringthrough est ${code}. Ne le donnez à personne.`,
  de: (code) => `Ihr Ringthrough-Code ist ${code}. Geben Sie ihn niemandem.`,
  hi: (code) => `Ringthrough कोड ${code}। किसी को न बताएं।`,
};

const confirmations: Record<Language, (link: string) => string> = {
  en: (link) => `Ringthrough: confirm this number ${link}`,
  es: (link) => `Ringthrough: toca para confirmar ${link}`,
  fr: (link) => `Ringthrough : confirmez ce numéro ${link}`,
  de: (link) => `Ringthrough: Nummer bestätigen ${link}`,
  hi: (link) => `Ringthrough: नंबर की पुष्टि करें ${link}`,
};

/** @param origin such as https://ring.example.org */
export const codeText = (language: Language, code: string, origin: string): string =>
  `${codes[language](code)}\n\n${boundLine(origin, code)}`;

export const confirmationText = (
  language: Language,
  { id, token, origin }: { id: string; token: string; origin: string },
): string =>
  `${confirmations[language](`${origin}/#/confirm/${id}/${token}`)}\n\n${boundLine(origin, token)}`;

/** The host alone: a port is none of the format's. */
const boundLine = (origin: string, code: string): string => `@${new URL(origin).hostname} #${code}`;
