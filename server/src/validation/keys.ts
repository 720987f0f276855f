import type { Clock } from '@ringthrough/sip';
import type { Carrier, VoiceCall, VoiceCallEnd } from '../carrier/index.ts';
import type { Language } from '../config.ts';
import type {
  Beginning,
  MechanismRequest,
  ProofDesk,
  ValidationDetail,
  ValidationMechanism,
  Verdict,
} from './mechanism.ts';
import { ProofCalls, type ProofCallsOptions, unheard } from './proof-call.ts';
import { randomDigits } from './secrets.ts';
import { type Phrase, sentence } from './spoken.ts';

export interface KeysOptions extends ProofCallsOptions {
  digits: number;
  clock: Clock;
}

/** How long somebody who listens has to begin before it is said again, and to go on before it begins anew. */
const beginMs = 6_000;
const goOnMs = 8_000;
/** So often it is said to somebody who presses nothing. */
const rounds = 3;

/**
 * A call of ours asks for the keys that the client shows (R-VAL-IVR). Whoever answers and does not see that client cannot
 * pass, and there is nothing to tell anybody or to find in a mailbox. RFC 4733 or INFO; `*` begins anew, `#` is passed over.
 */
export class Keys implements ValidationMechanism {
  readonly name = 'keys';
  readonly channel = 'call';
  readonly challenge = 'press-keys';
  readonly #options: KeysOptions;
  readonly #calls: ProofCalls;
  #desk: ProofDesk | undefined;

  constructor(options: KeysOptions) {
    this.#options = options;
    this.#calls = new ProofCalls(options);
  }

  attach(desk: ProofDesk): void {
    this.#desk = desk;
    this.#calls.attach(desk);
  }

  available(carrier: Carrier): boolean {
    return this.#calls.canCall(carrier.id);
  }

  begin(request: MechanismRequest): Beginning {
    const { digits, clock, log } = this.#options;
    const keys = randomDigits(digits);
    return {
      challenge: { kind: 'press-keys', keys },
      answer: keys,
      detail: 'calling',
      begun: () => {
        const conversation = new Conversation({
          digits,
          clock,
          language: request.spokenLanguage,
          judge: async (answer) => {
            const event = { validationId: request.validationId, mechanism: this.name, answer } as const;
            return (await this.#desk?.proveByAnswer(event)) ?? 'none';
          },
          failed: (error) => log.error({ err: error }, 'keys could not be judged'),
        });
        this.#calls.place(request, {
          answered: (call) => conversation.begin(call),
          key: (_, key) => conversation.key(key),
          ended: (end) => conversation.ended(end),
        });
      },
    };
  }

  over(validationId: string): void {
    this.#calls.hangUp(validationId);
  }
}

interface ConversationOptions {
  digits: number;
  clock: Clock;
  language: Language;
  judge(answer: string): Promise<Verdict>;
  failed(error: unknown): void;
}

/** What is said and pressed in one call. */
class Conversation {
  readonly #options: ConversationOptions;
  #call: VoiceCall | undefined;
  #pressed = '';
  #said = 0;
  #timer: unknown;
  /** Listening, or waiting for a verdict, or saying goodbye. */
  #state: 'asking' | 'judging' | 'leaving' = 'asking';
  #proved = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  begin(call: VoiceCall): void {
    this.#call = call;
    this.#ask('keys');
  }

  key(key: string): void {
    if (this.#state !== 'asking' || this.#call === undefined) return;
    this.#call.stopPlaying();
    this.#pressed = key === '*' ? '' : this.#pressed + key.replace(/\D/g, '');
    if (this.#pressed.length >= this.#options.digits) void this.#submit();
    else this.#wait(goOnMs);
  }

  /** @returns why the proof has come to nothing */
  ended(end: VoiceCallEnd): ValidationDetail | undefined {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    const judged = this.#state;
    this.#state = 'leaving';
    // What was pressed last may be judged yet, and what was judged wrong for the last time is void by itself.
    if (this.#proved || judged === 'judging') return undefined;
    if (!end.answered) return unheard(end);
    return end.byUs || end.why === 'lost' ? 'no-answer' : 'rejected';
  }

  /** Says what to do and waits for keys, a few times. */
  #ask(phrase: Phrase): void {
    const { clock, language } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#pressed = '';
    if (this.#said >= rounds) {
      this.#call?.hangUp();
      return;
    }
    this.#said += 1;
    this.#call?.play(sentence(language, phrase)).then((how) => {
      if (how === 'failed') this.#call?.hangUp();
      // Somebody who presses has time to go on instead.
      else if (how === 'ended' && this.#state === 'asking') this.#wait(beginMs);
    });
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#ask('keys'), ms);
  }

  async #submit(): Promise<void> {
    const { clock, judge, failed } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#state = 'judging';
    let verdict: Verdict = 'none';
    try {
      verdict = await judge(this.#pressed.slice(0, this.#options.digits));
    } catch (error) {
      failed(error);
    }
    this.#proved = verdict === 'proved';
    if (verdict === 'wrong') {
      this.#state = 'asking';
      this.#said = 0;
      this.#ask('wrong');
    } else this.#leave(verdict === 'proved' ? 'right' : 'void');
  }

  #leave(phrase: Phrase): void {
    this.#state = 'leaving';
    this.#call?.play(sentence(this.#options.language, phrase)).then(() => this.#call?.hangUp());
  }
}
