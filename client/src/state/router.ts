import { signal } from '@preact/signals';

/** Hash routes: the server has one page to give, whatever its path rules. */
export const route = signal(read());

function read(): string[] {
  if (typeof location === 'undefined') return [];
  return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
}

export function watchRoute(): void {
  addEventListener('hashchange', () => {
    route.value = read();
    scrollTo(0, 0);
  });
}

/** Goes to a screen: `go('numbers', '+1415…', 'forward')`. */
export function go(...parts: string[]): void {
  location.hash = href(...parts);
}

/** Goes to a screen that takes the place of this one: Back leads to the one before. */
export function replace(...parts: string[]): void {
  location.replace(href(...parts));
}

export function href(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}
