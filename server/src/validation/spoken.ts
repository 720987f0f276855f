import { fileURLToPath } from 'node:url';
import type { VoiceCall } from '../carrier/index.ts';
import type { Language } from '../config.ts';

type Part = { file: string } | { silenceMs: number };

/** What calls of ours say; the words are in server/prompts/texts.json. */
export type Phrase = 'code' | 'again' | 'nobody' | 'keys' | 'wrong' | 'right' | 'void';

const promptFile = (language: Language, kind: 'digits' | 'phrases', name: string): string =>
  fileURLToPath(new URL(`../../prompts/${language}/${kind}/${name}.wav`, import.meta.url));

/** Until the telephone is at the ear, and the way through all networks is open. */
const leadInMs = 800;
const betweenDigitsMs = 400;
const betweenSentencesMs = 700;

const pause = (silenceMs: number): Part => ({ silenceMs });

export const say = (language: Language, phrase: Phrase): Part => ({
  file: promptFile(language, 'phrases', phrase),
});

function spelled(language: Language, code: string): Part[] {
  return [...code].flatMap((digit) => [
    { file: promptFile(language, 'digits', digit) },
    pause(betweenDigitsMs),
  ]);
}

/** One round: the code, said twice. Whoever comes in late, such as a machine after its greeting, hears the next one. */
export function codeRound(language: Language, code: string): Parameters<VoiceCall['play']>[0] {
  const parts = [
    pause(leadInMs),
    say(language, 'code'),
    pause(betweenDigitsMs),
    ...spelled(language, code),
    pause(betweenSentencesMs),
    say(language, 'again'),
    pause(betweenDigitsMs),
    ...spelled(language, code),
    pause(betweenSentencesMs),
    say(language, 'nobody'),
    pause(betweenSentencesMs),
  ];
  return { parts };
}

/** A sentence, with time before it. */
export function sentence(language: Language, phrase: Phrase): Parameters<VoiceCall['play']>[0] {
  return { parts: [pause(leadInMs), say(language, phrase), pause(betweenDigitsMs)] };
}
