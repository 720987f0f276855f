import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { LadderCard } from './ladder-card.tsx';
import { Phone } from './phone.tsx';
import { PhoneTabs } from './phone-tabs.tsx';
import { Steps } from './steps.tsx';
import { act, connected, notice, snapshot } from './store.ts';

/** The whole page: what to do, the phones, and the ladder of the call. */
export function App() {
  const shown = useSignal<string | undefined>(undefined);
  useEffect(loadScenarioOfUrl, []);
  const current = snapshot.value;
  if (current === undefined) {
    return (
      <p class="loading">
        {connected.value ? 'Opening the lab …' : 'The lab does not answer. Is the server running?'}
      </p>
    );
  }
  const handsets = inPairs(current.handsets);
  const selected = handsets.find((one) => one.number === shown.value) ?? handsets[0];
  return (
    <>
      <Header />
      <main id="main">
        <Steps />
        <Notice />
        <div class="bench">
          <section class="phones" aria-label="Handsets">
            <PhoneTabs
              handsets={handsets}
              selected={selected}
              onSelect={(number) => (shown.value = number)}
            />
            {handsets.map((handset) => (
              <Phone
                key={handset.number}
                handset={handset}
                carriers={current.carriers}
                handsets={handsets}
                selected={handset === selected}
              />
            ))}
          </section>
          <LadderCard />
        </div>
      </main>
    </>
  );
}

function Header() {
  return (
    <header class="top">
      <a class="skip" href="#main">
        Skip to the handsets
      </a>
      <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="36" height="36" />
      <div class="grow">
        <h1>Lab</h1>
        <p class="soft small tagline">A phone company in a box: SIMs, switches and an SMS centre.</p>
      </div>
      <a class="button quiet" href="/" target="_blank" rel="noopener">
        Open the client
      </a>
    </header>
  );
}

function Notice() {
  const text = connected.value
    ? notice.value
    : { kind: 'error', text: 'The lab is gone; trying to reach it …' };
  return (
    <div role="status" aria-live="polite">
      {text !== undefined && <p class={`notice ${text.kind}`}>{text.text}</p>}
    </div>
  );
}

/** Own SIM and caller side by side, carrier by carrier. */
function inPairs(handsets: readonly HandsetView[]): HandsetView[] {
  const own = handsets.filter((one) => one.role === 'own');
  const callers = handsets.filter((one) => one.role === 'caller');
  const pairs = own.flatMap((one, index) => [one, ...callers.slice(index, index + 1)]);
  return [...pairs, ...callers.slice(own.length)];
}

/** `/lab/?scenario=no-coverage` puts the lab into that position once. */
function loadScenarioOfUrl(): void {
  const url = new URL(location.href);
  const name = url.searchParams.get('scenario');
  if (name === null) return;
  void act(async () => {
    const { hint } = await api.loadScenario(name);
    notice.value = { kind: 'hint', text: hint };
  });
  // A reload later must not switch the handsets again.
  url.searchParams.delete('scenario');
  history.replaceState(null, '', url);
}
