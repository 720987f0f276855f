import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../../api/client.ts';
import type { Carrier, LinkedNumber } from '../../api/types.ts';
import { unbroken } from '../../format/number.ts';
import { resources } from '../../state/data.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Loaded, Screen } from '../../ui/screen.tsx';
import { useAction } from '../../ui/use-action.ts';
import { Automatic } from './automatic.tsx';
import { ByHand } from './by-hand.tsx';
import { Check } from './check.tsx';
import { State } from './state.tsx';

/** Getting the carrier of a number to forward here: by itself, by a command to dial, and the test call. */
export function Forwarding(props: { number: string }) {
  return (
    <Screen title={texts.forwarding.title} lead={unbroken(props.number)} backTo={['numbers']}>
      <Loaded resource={resources.account}>
        {(account) => {
          const linked = account.numbers.find((candidate) => candidate.number === props.number);
          if (!linked) return <ErrorLine text={texts.errors['no-such-number']} />;
          return linked.forwarding ? <Known linked={linked} /> : <Unknown number={linked.number} />;
        }}
      </Loaded>
    </Screen>
  );
}

function Known(props: { linked: LinkedNumber }) {
  const { number, carrier, forwarding } = props.linked;
  if (!forwarding) return null;
  return (
    <div class="stack loose">
      <State forwarding={forwarding} />
      {forwarding.mode === 'auto' ? (
        <Automatic number={number} carrier={carrier?.name ?? ''} forwarding={forwarding} />
      ) : (
        <ByHand number={number} forwarding={forwarding} />
      )}
      <Check number={number} forwarding={forwarding} />
      <p class="soft">{texts.forwarding.meaning}</p>
      {forwarding.mode === 'auto' && forwarding.state === 'failed' && (
        <details>
          <summary class="button plain flush">
            {texts.forwarding.byHand}
            <span class="turns">
              <Icon name="next" size={16} />
            </span>
          </summary>
          <ByHand number={number} forwarding={forwarding} />
        </details>
      )}
    </div>
  );
}

/** We do not know the carrier: the person may. */
function Unknown(props: { number: string }) {
  const carriers = useSignal<Carrier[]>([]);
  const chosen = useSignal('');
  const action = useAction();
  useEffect(() => {
    // Without candidates there is nothing to choose, and the words above say what to do.
    void api.validationOptions({ number: props.number }).then(
      (options) => {
        carriers.value = options.carriers;
      },
      () => undefined,
    );
  }, [props.number, carriers]);
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      resources.account.set(await api.setCarrier(props.number, chosen.value));
    });
  };
  return (
    <div class="stack">
      <p class="card">{texts.forwarding.unknown}</p>
      {carriers.value.length > 0 && (
        <form class="stack" onSubmit={submit}>
          <label class="field">
            <span class="label">{texts.forwarding.chooseCarrier}</span>
            <select
              class="input"
              value={chosen.value}
              onChange={(event) => {
                chosen.value = event.currentTarget.value;
              }}
            >
              <option value="" />
              {carriers.value.map((carrier) => (
                <option key={carrier.id} value={carrier.id}>
                  {carrier.name}
                </option>
              ))}
            </select>
          </label>
          <ErrorLine text={action.error.value} />
          <Button type="submit" busy={action.busy.value || !chosen.value}>
            {texts.prove.submit}
          </Button>
        </form>
      )}
    </div>
  );
}
