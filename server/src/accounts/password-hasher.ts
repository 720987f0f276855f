import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Gate } from './gate.ts';

const argon2Async = promisify(argon2);
const saltBytes = 16;
const tagBytes = 32;
/** About ten seconds of waiting; who comes then is better told to come again. */
const maxWaitingPerPlace = 100;

export interface Argon2Options {
  memoryKib: number;
  passes: number;
  /** Each takes a core and `memoryKib`; calls in progress need theirs too. */
  atOnce: number;
}

interface ParsedHash {
  memory: number;
  passes: number;
  parallelism: number;
  salt: Buffer;
  tag: Buffer;
}

/** argon2id (RFC 9106) as PHC strings, so that hashes made with older parameters stay readable. */
export class PasswordHasher {
  readonly #options: Argon2Options;
  /** What a password is compared with when there is no account: the same work, never equal. */
  readonly #decoy: string;
  readonly #gate: Gate;

  constructor(options: Argon2Options) {
    this.#options = options;
    const { atOnce: places } = options;
    this.#gate = new Gate({ places, maxWaiting: places * maxWaitingPerPlace });
    this.#decoy = format(options, randomBytes(saltBytes), randomBytes(tagBytes));
  }

  /** @throws Problem `too-many-requests` when too many wait, as `verify` does */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    const { memoryKib: memory, passes } = this.#options;
    const tag = await this.#gate.run(() => derive(password, { memory, passes, parallelism: 1, salt }));
    return format(this.#options, salt, tag);
  }

  /** Takes the same time whether `stored` is a hash or undefined (nobody has that number). */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const parsed = parse(stored ?? this.#decoy);
    const tag = await this.#gate.run(() => derive(password, parsed));
    return timingSafeEqual(tag, parsed.tag) && stored !== undefined;
  }

  /** Made with other parameters than today's: hash again at the next login. */
  outdated(stored: string): boolean {
    const { memory, passes } = parse(stored);
    return memory !== this.#options.memoryKib || passes !== this.#options.passes;
  }
}

async function derive(password: string, hash: Omit<ParsedHash, 'tag'>): Promise<Buffer> {
  const parameters: Argon2Parameters = {
    // Two spellings of one accented letter are one password.
    message: Buffer.from(password.normalize('NFKC')),
    nonce: hash.salt,
    parallelism: hash.parallelism,
    tagLength: tagBytes,
    memory: hash.memory,
    passes: hash.passes,
  };
  return Buffer.from((await argon2Async('argon2id', parameters)) as Uint8Array);
}

function format(options: Argon2Options, salt: Buffer, tag: Buffer): string {
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${options.memoryKib},t=${options.passes},p=1$${base64(salt)}$${base64(tag)}`;
}

function parse(text: string): ParsedHash {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text);
  if (!match) throw new Error('a stored password hash is not argon2id in PHC form');
  const [, memory, passes, parallelism, salt, tag] = match as unknown as string[];
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt as string, 'base64'),
    tag: Buffer.from(tag as string, 'base64'),
  };
}
