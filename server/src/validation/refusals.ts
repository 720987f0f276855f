import { Problem } from '../problem.ts';
import type { Judgement } from './proving.ts';

/** What the API answers to an answer that proves nothing. */
export function refusal(judgement: Exclude<Judgement, { result: 'proved' }>): Problem {
  switch (judgement.result) {
    case 'wrong': {
      const { attemptsLeft } = judgement;
      return new Problem('wrong-code', 'Check the newest code.', { extra: { attemptsLeft } });
    }
    case 'void':
      return tooMany('Ask for a new code.');
    case 'blocked':
      return tooMany('Too many wrong codes for this number. Prove it in another way, or tomorrow.');
    default:
      return new Problem('code-expired', 'It was used, or is too old. Begin anew.');
  }
}

const tooMany = (detail: string): Problem =>
  new Problem('too-many-attempts', detail, { extra: { attemptsLeft: 0 } });

/** For mechanisms that have no answer, or none of that kind. */
export const otherWay = (detail: string): Problem => new Problem('mechanism-not-possible', detail);
