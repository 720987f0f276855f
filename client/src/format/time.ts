import { locale as current } from '../texts/index.ts';

/** `m:ss`, or `h:mm:ss` from an hour on. */
export function formatDuration(milliseconds: number): string {
  const total = Math.max(0, Math.floor(milliseconds / 1000));
  const seconds = String(total % 60).padStart(2, '0');
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}

const dayMs = 86_400_000;

function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

/** The time of today, the weekday of this week, or the date: as short as it can be and still be clear. */
export function formatWhen(time: number, now = Date.now(), locale = current): string {
  const date = new Date(time);
  const days = Math.round((startOfDay(now) - startOfDay(time)) / dayMs);
  const clock = date.toLocaleTimeString(locale, { timeStyle: 'short' });
  if (days === 0) return clock;
  if (days > 0 && days < 7) return `${date.toLocaleDateString(locale, { weekday: 'short' })} ${clock}`;
  const sameYear = date.getFullYear() === new Date(now).getFullYear();
  return date.toLocaleDateString(locale, {
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
}

/** Date and time in full, for details. */
export function formatExactly(time: number, locale = current): string {
  return new Date(time).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** Whole seconds between now and a future time, never negative. */
export function secondsUntil(time: number, now = Date.now()): number {
  return Math.max(0, Math.ceil((time - now) / 1000));
}
