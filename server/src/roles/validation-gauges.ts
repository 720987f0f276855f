import type { GaugeSource } from '../http/index.ts';
import type { Count, Validations } from '../validation/index.ts';

/** What /metrics tells of proofs. Sends by country show who pumps SMS; refusals, that somebody tries. */
export function validationGauges(validations: Pick<Validations, 'stats'>): GaugeSource[] {
  const source = (
    name: string,
    help: string,
    labelNames: string[],
    key: keyof ReturnType<Validations['stats']>,
  ): GaugeSource => ({ name, help, labelNames, readAll: (): Count[] => validations.stats()[key] });
  return [
    source(
      'ringthrough_validation_sends_total',
      'SMS and calls of ours to prove a number, since the start',
      ['channel', 'country'],
      'sends',
    ),
    source(
      'ringthrough_validation_refused_total',
      'Those that a limit has refused: number, address, account, country or total',
      ['limit', 'country'],
      'refused',
    ),
    source(
      'ringthrough_validation_answers_total',
      'What came of codes, keys, SMS and calls: proved, wrong, void, blocked or over',
      ['mechanism', 'outcome'],
      'answers',
    ),
  ];
}
