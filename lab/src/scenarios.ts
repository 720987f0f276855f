import type { Coverage } from './model/types.ts';

/** A starting position of the lab: the person's own handsets are put into it, their forwarding is left as it is. */
export interface Scenario {
  name: string;
  title: string;
  /** What to do next, in one sentence. */
  hint: string;
  coverage: Coverage;
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'fresh',
    title: 'In coverage',
    hint: 'Sign up in the client with a number of the lab; the code arrives on its handset here.',
    coverage: 'covered',
  },
  {
    name: 'no-coverage',
    title: 'No coverage',
    hint: 'Your handsets are out of coverage. Dial one of them from a caller’s handset.',
    coverage: 'no-coverage',
  },
  {
    name: 'switched-off',
    title: 'Switched off',
    hint: 'Your handsets are off. Dial one of them from a caller’s handset, then switch it on to get its SMS.',
    coverage: 'off',
  },
];
