import { formatNumber } from './format.ts';
import { snapshot } from './store.ts';

/** The way through the story, ticked off from what the lab sees. */
export function Steps() {
  const { handsets = [], carriers = [], calls = [] } = snapshot.value ?? {};
  const own = handsets.find((one) => one.role === 'own');
  const caller = handsets.find((one) => one.role === 'caller');
  const carrier = carriers.find((one) => one.id === own?.carrierId);
  if (own === undefined || caller === undefined || carrier === undefined) return null;
  const mine = handsets.filter((one) => one.role === 'own');
  const forwarded = mine.some((one) => Object.values(one.forwardings).some((entry) => entry.active));
  const gone = mine.some((one) => one.coverage !== 'covered');
  const diverted = calls.some((call) => call.diverted.length > 0);
  const signedUp = mine.some((one) => one.inbox.length > 0);
  const done = [signedUp, forwarded, forwarded && (gone || diverted), diverted];
  const next = done.indexOf(false);
  const texts = [
    <>
      In <a href="/">the client</a>, sign up with <b class="num">{formatNumber(own.number)}</b>. The code
      arrives on that phone here.
    </>,
    <>
      On <b>{own.owner}</b>, dial <b class="num">**004*{carrier.cNumber}#</b> to forward its calls.
    </>,
    <>
      Switch <b>{own.owner}</b> to <b>No coverage</b>.
    </>,
    <>
      On <b>{caller.owner}</b>, dial <b class="num">{formatNumber(own.number)}</b>. The client rings.
    </>,
  ];
  return (
    <ol class="steps" aria-label="What to do first">
      {texts.map((text, index) => (
        <li key={index} class={done[index] ? 'done' : index === next ? 'next' : ''}>
          <span class="mark" aria-hidden="true">
            {done[index] ? '✓' : index + 1}
          </span>
          <span>
            {done[index] && <span class="visually-hidden">Done: </span>}
            {text}
          </span>
        </li>
      ))}
    </ol>
  );
}
