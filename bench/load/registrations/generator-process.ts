import { serve } from '../../subprocess.ts';
import {
  answerOptions,
  type Plan,
  type RunResult,
  Telephones,
  type TelephonesOptions,
} from './telephones.ts';

let telephones: Telephones | undefined;

/** What the process of the softphones can be asked. */
export type GeneratorHandlers = {
  /** The port at which OPTIONS are answered from now on. */
  answer(args: undefined): Promise<number>;
  open(options: TelephonesOptions): Promise<void>;
  run(plan: Plan): Promise<RunResult | undefined>;
  acknowledged(args: undefined): Map<string, number> | undefined;
};

const handlers: GeneratorHandlers = {
  async open(options) {
    telephones?.close();
    telephones = new Telephones(options);
    await telephones.open();
  },
  answer: () => answerOptions(),
  run: async (plan) => telephones?.run(plan),
  acknowledged: () => telephones?.acknowledged(),
};

serve(handlers);
