/** Groups an E.164 number for reading; what it does not know stays as it is. */
export function formatNumber(number: string): string {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (american !== null) return `+1 ${american[1]} ${american[2]} ${american[3]}`;
  const british = /^\+44(\d{4})(\d{6})$/.exec(number);
  if (british !== null) return `+44 ${british[1]} ${british[2]}`;
  const german = /^\+49(\d{3})(\d{7,8})$/.exec(number);
  if (german !== null) return `+49 ${german[1]} ${german[2]}`;
  return number;
}

export const clockTime = (at: number): string =>
  new Date(at).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  });

/** Without seconds, where the order tells more than the time. */
export const shortTime = (at: number): string =>
  new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });

/** 75 s → 1:15 */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Time since the start of the call, as the ladder shows it. */
export function offset(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
