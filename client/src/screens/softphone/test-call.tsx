import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api } from '../../api/client.ts';
import type { Device, TestCallState } from '../../api/types.ts';
import { texts } from '../../texts/index.ts';
import { language } from '../../texts/language.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';

const going: ReadonlySet<TestCallState> = new Set(['calling', 'ringing', 'answered']);

/** Rings the softphone, and says what became of it. */
export function TestCall(props: { device: Device }) {
  const { id, registered } = props.device;
  const state = useSignal<TestCallState | undefined>(undefined);
  const gone = useRef(new AbortController());
  const action = useAction();
  useEffect(() => () => gone.current.abort(), []);
  const start = () =>
    action.run(async () => {
      let now: TestCallState = (await api.startTestCall(id, language.value)).state;
      state.value = now;
      while (going.has(now) && !gone.current.signal.aborted) {
        now = (await api.testCall(id, now, gone.current.signal)).state ?? 'failed';
        state.value = now;
      }
    });
  const running = state.value !== undefined && going.has(state.value);
  return (
    <section class="card stack" aria-labelledby="test-call">
      <h2 id="test-call">{texts.devices.test}</h2>
      <p class="soft small">{registered ? texts.devices.testLead : texts.devices.testWaits}</p>
      <div role="status" data-testid="test-call" data-state={state.value ?? 'none'}>
        {state.value && (
          <p class={running ? 'progress' : state.value === 'completed' ? 'good-note' : 'told'}>
            {running && <span class="pulse" aria-hidden="true" />}
            {texts.devices.testStates[state.value]}
          </p>
        )}
      </div>
      <ErrorLine text={action.error.value} />
      <div>
        <Button kind="quiet" busy={!registered || action.busy.value} onClick={() => void start()}>
          {texts.devices.testStart}
        </Button>
      </div>
    </section>
  );
}
