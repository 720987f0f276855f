import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ForwardingSnapshot } from './model/forwarding-table.ts';
import type { SmsCentreSnapshot } from './model/sms-centre.ts';
import type { Coverage, RedirectionHeaders } from './model/types.ts';
import type { WaitingPart } from './sms/waiting-parts.ts';

/** What a restart must not lose: forwardings, coverage, inboxes and messages on their way. Calls end. */
export interface LabState {
  version: 1;
  handsets: Record<string, { coverage: Coverage; forwarding: ForwardingSnapshot; voicemail?: boolean }>;
  redirection: Record<string, RedirectionHeaders>;
  /** Documents that were written by XCAP, by number; absent in files of older versions. */
  simservs?: Record<string, string>;
  sms: SmsCentreSnapshot;
  /** Of long messages over SMPP; absent in files of older versions. */
  smsParts?: WaitingPart[];
}

/** The state in one JSON file, replaced as a whole, so that a killed process leaves the old or the new one. */
export class StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns `undefined` when there is none yet. @throws Error naming the file when it is not the lab's. */
  load(): LabState | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    return parseState(text, this.#path);
  }

  /** On disk when this returns: a message the lab has answered for is not lost. */
  save(state: LabState): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    const temporary = `${this.#path}.new`;
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeSync(file, JSON.stringify(state));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.#path);
  }
}

function parseState(text: string, path: string): LabState {
  let cause: unknown;
  try {
    const state: unknown = JSON.parse(text);
    if (isState(state)) return state;
  } catch (error) {
    cause = error;
  }
  throw new Error(`${path} is not a state file of the lab; delete it to start the lab anew.`, { cause });
}

function isState(value: unknown): value is LabState {
  if (typeof value !== 'object' || value === null) return false;
  const { version, handsets, redirection, sms } = value as Partial<LabState>;
  return (
    version === 1 && [handsets, redirection, sms].every((part) => typeof part === 'object' && part !== null)
  );
}
