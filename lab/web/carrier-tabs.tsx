import type { CarrierView, HandsetView } from '../src/views.ts';
import { shownNumber } from './store.ts';
import { Tabs } from './tabs.tsx';

interface Props {
  carriers: readonly CarrierView[];
  handsets: readonly HandsetView[];
  shown: HandsetView;
}

/** Which carrier's handsets are shown; a tab tells when a phone of another one rings. */
export function CarrierTabs({ carriers, handsets, shown }: Props) {
  const select = (id: string) => {
    shownNumber.value = handsets.find(({ carrierId }) => carrierId === id)?.number;
  };
  return (
    <Tabs
      label="Carriers"
      name="carriers"
      selected={shown.carrierId}
      onSelect={select}
      tabs={carriers.map(({ id, name, country, family }) => ({
        id,
        label: (
          <>
            <span class="carrier-name">{name}</span>
            <span class="soft small">
              {country} · {family.toUpperCase()}
            </span>
            <Activity handsets={handsets.filter(({ carrierId }) => carrierId === id)} />
          </>
        ),
      }))}
    />
  );
}

function Activity({ handsets }: { handsets: readonly HandsetView[] }) {
  if (handsets.some(({ state }) => state === 'ringing')) return <span class="badge hot">rings</span>;
  const talks = handsets.some(({ state }) => state === 'in-call' || state === 'calling');
  return talks ? <span class="badge">in a call</span> : null;
}
