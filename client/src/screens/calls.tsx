import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { CallRecord } from '../api/types.ts';
import { resources } from '../state/data.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine } from '../ui/field.tsx';
import { Empty, Loaded, Screen } from '../ui/screen.tsx';
import { useAction } from '../ui/use-action.ts';
import { CallItem } from './call-item.tsx';

/** As many as one request gives; a full page may have older ones behind it. */
const pageSize = 50;

export function Calls() {
  return (
    <Screen title={texts.calls.title}>
      <Loaded resource={resources.calls}>
        {(calls) =>
          calls.length === 0 ? (
            <Empty icon="calls" title={texts.calls.empty} lead={texts.calls.emptyLead} />
          ) : (
            <Log newest={calls} />
          )
        }
      </Loaded>
    </Screen>
  );
}

function Log(props: { newest: CallRecord[] }) {
  const older = useSignal<CallRecord[]>([]);
  const reachedEnd = useSignal(props.newest.length < pageSize);
  const action = useAction();
  const calls = [...props.newest, ...older.value];
  const more = () =>
    action.run(async () => {
      const page = await api.calls(calls.at(-1)?.arrivedAt);
      const known = new Set(calls.map((call) => call.id));
      older.value = [...older.value, ...page.filter((call) => !known.has(call.id))];
      reachedEnd.value = page.length < pageSize;
    });
  return (
    <div class="stack">
      <ul class="list">
        {calls.map((call) => (
          <CallItem key={call.id} call={call} />
        ))}
      </ul>
      <ErrorLine text={action.error.value} />
      {!reachedEnd.value && (
        <Button kind="quiet" busy={action.busy.value} onClick={() => void more()}>
          {texts.calls.more}
        </Button>
      )}
    </div>
  );
}
