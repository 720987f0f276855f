import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ScenarioView } from '../src/parts/scenarios.ts';
import { api } from './api.ts';
import { act, connected, notice } from './store.ts';

/** Puts the whole lab into a known state. */
export function ScenarioPicker() {
  const scenarios = useSignal<readonly ScenarioView[]>([]);
  const chosen = useSignal('fresh');
  // Once more when the lab is back; while it is gone, the page says so anyhow.
  useEffect(() => {
    api.scenarios().then(
      (all) => (scenarios.value = all),
      () => {},
    );
  }, [connected.value]);
  const load = () =>
    act(async () => {
      const { hint } = await api.loadScenario(chosen.value);
      notice.value = { kind: 'hint', text: hint };
    });
  return (
    <form
      class="scenario"
      onSubmit={(event) => {
        event.preventDefault();
        void load();
      }}
    >
      <label>
        <span class="visually-hidden">Scenario</span>
        <select value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value)}>
          {scenarios.value.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class="button">
        Load scenario
      </button>
    </form>
  );
}
