/** Where the lab reports; never a number, a text of an SMS or a message. */
export interface LabLog {
  info(details: Record<string, unknown>, message: string): void;
  warn(details: Record<string, unknown>, message: string): void;
}

/** What every part of the lab needs of the whole. */
export interface Hub {
  readonly log: LabLog;
  /** Something that the page shows has changed. */
  changed(): void;
  /** On disk, where there is one, when this returns. */
  persist(): void;
}
