import { isLive, phoneState, startAudioTest } from '../phone/index.ts';
import { resources, unheardCount } from '../state/data.ts';
import { href } from '../state/router.ts';
import { pendingUpdate } from '../state/update.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { PhoneNumber } from '../ui/number.tsx';
import { Loaded, Screen } from '../ui/screen.tsx';
import { CallItem } from './call-item.tsx';
import { Notices } from './notices.tsx';
import { Reach } from './reach.tsx';
import { Setup } from './setup.tsx';

const recentCount = 4;

export function Home() {
  return (
    <Screen title={texts.home.title} hideTitle wide>
      <div class="two-columns stack loose">
        <div class="stack">
          <Reach />
          <Notices />
          <Update />
          <Unheard />
          <Setup />
          <Numbers />
        </div>
        <div class="stack">
          <Recent />
          <AudioTest />
        </div>
      </div>
    </Screen>
  );
}

function Update() {
  const take = pendingUpdate.value;
  if (!take) return null;
  return (
    <section class="card row" aria-label={texts.update.title}>
      <span class="grow item-title">{texts.update.title}</span>
      <Button kind="small" busy={phoneState.value.calls.some(isLive)} onClick={take}>
        {texts.update.take}
      </Button>
    </section>
  );
}

function Unheard() {
  const count = unheardCount.value;
  if (count === 0) return null;
  return (
    <a class="card item" href={href('voicemail')}>
      <span class="mark good">
        <Icon name="voicemail" />
      </span>
      <span class="grow item-title">{texts.home.unheard(count)}</span>
      <Icon name="next" size={18} />
    </a>
  );
}

/** No call has come from it: it may not be forwarded yet. */
function silent(number: string): boolean {
  return resources.calls.value.value?.every((call) => call.number !== number) ?? false;
}

function NoNumberItem() {
  return (
    <li>
      <a class="item" href={href('numbers', 'link')}>
        <span class="mark warm">
          <Icon name="info" />
        </span>
        <span class="item-main">
          <span class="item-title block">{texts.numbers.none}</span>
          <span class="item-note block">{texts.numbers.noneLead}</span>
        </span>
        <Icon name="next" size={18} />
      </a>
    </li>
  );
}

function Numbers() {
  return (
    <section class="stack tight" aria-labelledby="home-numbers">
      <h2 id="home-numbers">{texts.home.yourNumbers}</h2>
      <Loaded resource={resources.account}>
        {(account) => (
          <ul class="list">
            {account.numbers.length === 0 && <NoNumberItem />}
            {account.numbers.map((number) => (
              <li key={number.number}>
                <a
                  class="item"
                  href={silent(number.number) ? href('numbers', number.number, 'forward') : href('numbers')}
                >
                  <span class="item-main">
                    <span class="item-title block">
                      <PhoneNumber value={number.number} />
                    </span>
                    <span class="item-note block">
                      {silent(number.number)
                        ? texts.home.forwardHint
                        : (number.carrier?.name ?? texts.numbers.unknownCarrier)}
                    </span>
                  </span>
                  {number.primary && <span class="tag">{texts.common.primary}</span>}
                  <Icon name="next" size={18} />
                </a>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

function Recent() {
  return (
    <section class="stack tight" aria-labelledby="home-recent">
      <div class="row spread">
        <h2 id="home-recent">{texts.home.recent}</h2>
        <a class="button plain small" href={href('calls')}>
          {texts.home.allCalls}
        </a>
      </div>
      <Loaded resource={resources.calls}>
        {(calls) =>
          calls.length === 0 ? (
            <p class="card soft">{texts.calls.emptyLead}</p>
          ) : (
            <ul class="list">
              {calls.slice(0, recentCount).map((call) => (
                <CallItem key={call.id} call={call} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}

function AudioTest() {
  const ready = phoneState.value.connection === 'registered';
  return (
    <section class="card row" aria-labelledby="home-test">
      <span class="mark">
        <Icon name="wave" />
      </span>
      <div class="grow stack tight">
        <h2 id="home-test">{texts.audioTest.title}</h2>
        <p class="soft small">{ready ? texts.audioTest.lead : texts.audioTest.needsConnection}</p>
        <div>
          <Button kind="quiet small" busy={!ready} onClick={startAudioTest}>
            {texts.audioTest.start}
          </Button>
        </div>
      </div>
    </section>
  );
}
