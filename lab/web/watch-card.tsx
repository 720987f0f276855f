import { useSignal } from '@preact/signals';
import { LadderCard } from './ladder-card.tsx';
import { SmsCard } from './sms-card.tsx';
import { snapshot } from './store.ts';
import { SwitchesCard } from './switches-card.tsx';
import { Tabs } from './tabs.tsx';

type View = 'calls' | 'sms' | 'switches';

/** What the networks see: the ladder of each call, every SMS, the switches' tables. */
export function WatchCard() {
  const view = useSignal<View>('calls');
  const { calls = [], sms = [] } = snapshot.value ?? {};
  return (
    <section class="watch-card" aria-label="What the networks see">
      <Tabs
        label="What the networks see"
        name="watch"
        selected={view.value}
        onSelect={(id) => (view.value = id)}
        tabs={[
          { id: 'calls', label: calls.length > 0 ? `Calls · ${calls.length}` : 'Calls' },
          { id: 'sms', label: sms.length > 0 ? `SMS · ${sms.length}` : 'SMS' },
          { id: 'switches', label: 'Carriers' },
        ]}
      />
      <div class="watch-body" id="watch-panel" role="tabpanel" aria-labelledby={`watch-tab-${view.value}`}>
        {view.value === 'calls' && <LadderCard />}
        {view.value === 'sms' && <SmsCard />}
        {view.value === 'switches' && <SwitchesCard />}
      </div>
    </section>
  );
}
