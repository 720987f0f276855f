import { useEffect } from 'preact/hooks';
import { api } from './api.ts';
import { CarrierTabs } from './carrier-tabs.tsx';
import { parseHandOver } from './hand-over.ts';
import { Phone } from './phone.tsx';
import { PhoneTabs } from './phone-tabs.tsx';
import { ScenarioPicker } from './scenario-picker.tsx';
import { Steps } from './steps.tsx';
import { act, connected, notice, shownHandset, shownNumber, snapshot, take } from './store.ts';
import { WatchCard } from './watch-card.tsx';

/** The whole page: what to do, the phones of each carrier, and what can be watched. */
export function App() {
  useEffect(followUrl, []);
  const current = snapshot.value;
  const shown = shownHandset.value;
  if (current === undefined || shown === undefined) {
    return (
      <p class="loading">
        {connected.value ? 'Opening the lab …' : 'The lab does not answer. Is the server running?'}
      </p>
    );
  }
  const carrier = current.carriers.find(({ id }) => id === shown.carrierId);
  const here = current.handsets.filter(({ carrierId }) => carrierId === shown.carrierId);
  return (
    <>
      <Header />
      <main id="main">
        <Steps />
        <Notice />
        <div class="bench">
          <div class="left">
            <CarrierTabs carriers={current.carriers} handsets={current.handsets} shown={shown} />
            <section
              class="phones"
              id="carriers-panel"
              role="tabpanel"
              aria-labelledby={`carriers-tab-${shown.carrierId}`}
            >
              <PhoneTabs
                handsets={here}
                selected={shown}
                onSelect={(number) => (shownNumber.value = number)}
              />
              {here.map((handset) => (
                <Phone
                  key={handset.number}
                  handset={handset}
                  carrier={carrier}
                  handsets={current.handsets}
                  selected={handset.number === shown.number}
                />
              ))}
            </section>
          </div>
          <WatchCard />
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
        <p class="soft small tagline">Phone companies in a box: SIMs, switches and SMS centres.</p>
      </div>
      <ScenarioPicker />
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

function followUrl(): () => void {
  loadScenarioOfUrl();
  takeOverFromUrl();
  addEventListener('hashchange', takeOverFromUrl);
  return () => removeEventListener('hashchange', takeOverFromUrl);
}

/** `/lab/?scenario=no-coverage` puts the lab into that state once. */
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

/** `/lab/#dial=…` and `/lab/#sms=…`: once as well. */
function takeOverFromUrl(): void {
  const wish = parseHandOver(location.hash);
  if (wish === undefined) return;
  take(wish);
  const url = new URL(location.href);
  url.hash = '';
  history.replaceState(null, '', url);
}
