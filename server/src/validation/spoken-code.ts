import type { Carrier, VoiceCall } from '../carrier/index.ts';
import type { Language } from '../config.ts';
import type { Beginning, MechanismRequest, ProofDesk, ValidationMechanism } from './mechanism.ts';
import { ProofCalls, type ProofCallsOptions, unheard } from './proof-call.ts';
import { randomDigits } from './secrets.ts';
import { codeRound } from './spoken.ts';

export interface SpokenCodeOptions extends ProofCallsOptions {
  digits: number;
}

/**
 * A code that a call of ours reads out, in the language of the number's country (R-VAL-OBD). It is said again and again until
 * the callee hangs up or `outboundCalls.maxDurationSeconds` are over, so that an answering machine, which records
 * from the end of its greeting on, has all of it once at least.
 */
export class SpokenCode implements ValidationMechanism {
  readonly name = 'spoken-code';
  readonly channel = 'call';
  readonly challenge = 'enter-code';
  readonly #digits: number;
  readonly #calls: ProofCalls;

  constructor(options: SpokenCodeOptions) {
    this.#digits = options.digits;
    this.#calls = new ProofCalls(options);
  }

  attach(desk: ProofDesk): void {
    this.#calls.attach(desk);
  }

  available(carrier: Carrier): boolean {
    return this.#calls.canCall(carrier.id);
  }

  begin(request: MechanismRequest): Beginning {
    const answer = randomDigits(this.#digits);
    return {
      challenge: { kind: 'enter-code', digits: this.#digits, by: 'call' },
      answer,
      detail: 'calling',
      begun: () => {
        this.#calls.place(request, {
          answered: (call) => void readOut(call, request.spokenLanguage, answer),
          // Who has heard it may type it in as long as it is good.
          ended: (end) => (end.answered ? undefined : unheard(end)),
        });
      },
    };
  }

  over(validationId: string): void {
    this.#calls.hangUp(validationId);
  }
}

async function readOut(call: VoiceCall, language: Language, code: string): Promise<void> {
  const round = codeRound(language, code);
  for (;;) {
    const how = await call.play(round);
    if (how === 'ended') continue;
    // A prompt that is missing would be missing next time, too.
    if (how === 'failed') call.hangUp();
    return;
  }
}
