import { signal } from '@preact/signals';
import { ApiError } from '../api/client.ts';
import { formatDuration } from '../format/time.ts';
import { texts } from '../texts/index.ts';
import { language } from '../texts/language.ts';

/** A short confirmation at the edge of the screen, read out by screen readers. */
export const toast = signal<{ text: string; kind: 'good' | 'bad' } | undefined>(undefined);

let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string, kind: 'good' | 'bad' = 'good'): void {
  clearTimeout(timer);
  toast.value = { text, kind };
  timer = setTimeout(() => {
    toast.value = undefined;
  }, 5000);
}

/** The server explains in English: for whoever reads another language that is no help. */
function detailOf(error: ApiError): string {
  const readable = language.value === 'en' && error.message !== error.code;
  return readable ? error.message : texts.errors.fallback;
}

/** The words for a failed request, with what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return texts.errors.fallback;
  const left = error.number('attemptsLeft');
  if (error.code === 'wrong-code' && left !== undefined) return texts.errors['wrong-code-left'](left);
  const known = texts.errors[error.code as keyof typeof texts.errors];
  const words = typeof known === 'string' ? known : detailOf(error);
  const seconds = error.number('retryAfter');
  return seconds ? `${words} ${texts.errors.wait(formatDuration(seconds * 1000))}` : words;
}
