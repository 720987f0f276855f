import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { AnswerMode, LinkedNumber } from '../api/types.ts';
import { countryName } from '../format/number.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { href } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { ErrorLine } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { numberText, PhoneNumber } from '../ui/number.tsx';
import { Loaded, Screen } from '../ui/screen.tsx';
import { useAction } from '../ui/use-action.ts';

export function Numbers() {
  return (
    <Screen title={texts.numbers.title} lead={texts.numbers.lead}>
      <div class="stack">
        <Loaded resource={resources.account}>
          {({ numbers }) =>
            numbers.length === 0 ? (
              <NoNumber />
            ) : (
              <ul class="stack">
                {numbers.map((number) => (
                  <NumberCard key={number.number} number={number} only={numbers.length === 1} />
                ))}
              </ul>
            )
          }
        </Loaded>
        <a class="button quiet" href={href('numbers', 'link')}>
          <Icon name="plus" size={20} />
          {texts.numbers.link}
        </a>
      </div>
    </Screen>
  );
}

/** The last number went to somebody else: what to do before the log-in ends. */
export function NoNumber() {
  return (
    <section class="card stack tight" aria-labelledby="no-number">
      <h2 id="no-number">{texts.numbers.none}</h2>
      <p class="soft">{texts.numbers.noneLead}</p>
    </section>
  );
}

const modes: AnswerMode[] = ['both', 'voicemail', 'mca'];

function NumberCard(props: { number: LinkedNumber; only: boolean }) {
  const { number, primary, carrier, answerMode } = props.number;
  const asking = useSignal(false);
  const action = useAction();
  const words = numberText(number);
  const change = (work: () => Promise<unknown>, done?: string) =>
    action.run(async () => {
      await work();
      await resources.account.refresh();
      if (done) say(done);
    });
  return (
    <li class="card stack" aria-label={words} data-number={number}>
      <div class="row spread">
        <div class="grow">
          <h2>
            <PhoneNumber value={number} />
          </h2>
          <p class="soft small">
            {carrier ? `${carrier.name}, ${countryName(carrier.country)}` : texts.numbers.unknownCarrier}
          </p>
        </div>
        {primary && <span class="tag">{texts.common.primary}</span>}
      </div>
      <a class="button quiet" href={href('numbers', number, 'forward')}>
        <Icon name="arrow" size={20} />
        {texts.numbers.forward}
      </a>
      <label class="field">
        <span class="label">{texts.numbers.answerMode}</span>
        <select
          class="input"
          value={answerMode}
          onChange={(event) => {
            const mode = event.currentTarget.value as AnswerMode;
            void change(() => api.setAnswerMode(number, mode));
          }}
        >
          {modes.map((mode) => (
            <option key={mode} value={mode}>
              {texts.numbers.modes[mode]}
            </option>
          ))}
        </select>
      </label>
      {!asking.value && <ErrorLine text={action.error.value} />}
      {primary ? (
        <p class="soft small">
          {props.only ? texts.numbers.lastStays : texts.numbers.primaryStays}{' '}
          {props.only && <a href={href('settings', 'close')}>{texts.settings.close}</a>}
        </p>
      ) : (
        <div class="row wrap spread">
          <Button
            kind="plain flush"
            busy={action.busy.value}
            onClick={() => void change(() => api.setPrimary(number), texts.numbers.madePrimary(words))}
          >
            {texts.numbers.makePrimary}
          </Button>
          <Button
            kind="danger-quiet"
            label={`${texts.numbers.delink} ${words}`}
            onClick={() => {
              asking.value = true;
            }}
          >
            {texts.numbers.delink}
          </Button>
        </div>
      )}
      {asking.value && (
        <Confirm
          title={texts.numbers.delinkTitle(words)}
          yes={texts.numbers.delink}
          busy={action.busy.value}
          onYes={() => void change(() => api.delinkNumber(number), texts.numbers.removed(words))}
          onNo={() => {
            asking.value = false;
          }}
        >
          <p class="soft">{texts.numbers.delinkLead}</p>
          {props.number.forwarding && (
            <code class="command">{props.number.forwarding.commands.deactivate}</code>
          )}
          <ErrorLine text={action.error.value} />
        </Confirm>
      )}
    </li>
  );
}
