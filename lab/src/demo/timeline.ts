/** Prints what happens, with measured times, and remembers what was not as it must be. */
export class Timeline {
  readonly #write: (text: string) => void;
  readonly #failures: string[] = [];
  #chapterAt = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  /** A new part of the story; times count from `at` (unix milliseconds). */
  chapter(title: string, at = Date.now()): void {
    this.#chapterAt = at;
    this.#write(`\n${title}\n`);
  }

  /** Times of the present chapter count from here. */
  from(at: number): void {
    this.#chapterAt = at;
  }

  line(text: string, at = Date.now()): void {
    this.#write(`${formatOffset(at - this.#chapterAt)}  ${text}\n`);
  }

  /** Prints the lines in the order of their times. */
  lines(entries: ReadonlyArray<{ at: number; text: string }>): void {
    for (const { at, text } of [...entries].sort((a, b) => a.at - b.at)) this.line(text, at);
  }

  /** Something that must be so; a failure is printed at once and at the end. */
  check(text: string, ok: boolean, detail = ''): void {
    this.#write(`            ${ok ? '✓' : '✗'} ${text}${detail === '' ? '' : ` (${detail})`}\n`);
    if (!ok) this.#failures.push(detail === '' ? text : `${text} (${detail})`);
  }

  note(text: string): void {
    this.#write(`            ${text}\n`);
  }
}

function formatOffset(ms: number): string {
  return `${(ms / 1000).toFixed(3).padStart(8)} s`;
}
