import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../../api/client.ts';
import { unbroken } from '../../format/number.ts';
import {
  changeDraft,
  clearDraft,
  draftOf,
  runningValidation,
  startProof,
  waysFor,
} from '../../state/proving.ts';
import { go, replace, route } from '../../state/router.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';
import { NumberField } from '../number-form.tsx';
import type { ProofFlowProps } from './props.ts';
import { ProveStep } from './prove-step.tsx';

/**
 * Number → (carrier) → proof, in whichever of the six ways (docs/client.md). What was typed stays when the person goes
 * back.
 */
export function ProofFlow(props: ProofFlowProps) {
  const step = route.value[props.at.length];
  const draft = draftOf(props.purpose).value;
  if (step === 'carrier' && draft.options) return <CarrierStep {...props} />;
  if (step === 'prove' && draft.validation) return <ProveStep {...props} />;
  if (step === 'proved' && draft.proof) return <ProvedStep {...props} />;
  return <NumberStep {...props} />;
}

/** Asks the service how the number can be proved, and begins in the best way. */
async function begin({ purpose, at }: ProofFlowProps, carrierId: string): Promise<void> {
  const { number, region } = draftOf(purpose).value;
  const options = await api.validationOptions({ number, region, ...(carrierId ? { carrierId } : {}) });
  changeDraft(purpose, { options, carrierId });
  if (!options.carrier && !carrierId) {
    go(...at, 'carrier');
    return;
  }
  const [best] = waysFor(options);
  if (!runningValidation(draftOf(purpose).value, options.number) && best) await startProof(purpose, best);
  if (best) go(...at, 'prove');
}

function NumberStep(props: ProofFlowProps) {
  const { purpose } = props;
  const draft = draftOf(purpose).value;
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      await begin(props, '');
      noWay(props);
    });
  };
  const change = (change: Partial<typeof draft>) => {
    changeDraft(purpose, change);
    action.error.value = undefined;
  };
  const noWay = ({ purpose }: ProofFlowProps) => {
    const { options } = draftOf(purpose).value;
    if (options?.carrier && options.mechanisms.length === 0) action.error.value = texts.prove.noWay;
  };
  return (
    <props.frame title={props.title} lead={props.lead}>
      <form class="stack" noValidate onSubmit={submit}>
        <NumberField
          number={draft.number}
          region={draft.region}
          onNumber={(number) => change({ number })}
          onRegion={(region) => change({ region })}
          explain
          autoFocus
        />
        <ErrorLine text={action.error.value} />
        <Button type="submit" busy={action.busy.value || draft.number.trim() === ''}>
          {texts.prove.submit}
        </Button>
      </form>
      {props.links}
    </props.frame>
  );
}

/** The number alone does not tell its carrier. */
function CarrierStep(props: ProofFlowProps) {
  const { purpose } = props;
  const { options, carrierId } = draftOf(purpose).value;
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(() => begin(props, draftOf(purpose).value.carrierId));
  };
  return (
    <props.frame
      title={texts.prove.carrierTitle}
      lead={texts.prove.carrierLead(unbroken(options?.number ?? ''))}
    >
      <form class="stack" noValidate onSubmit={submit}>
        <fieldset class="choices">
          <legend class="visually-hidden">{texts.prove.carrierLabel}</legend>
          {options?.carriers.map((carrier) => (
            <label key={carrier.id} class="choice">
              <input
                type="radio"
                name="carrier"
                value={carrier.id}
                checked={carrier.id === carrierId}
                onChange={() => {
                  changeDraft(purpose, { carrierId: carrier.id });
                  action.error.value = undefined;
                }}
              />
              {carrier.name}
            </label>
          ))}
        </fieldset>
        <ErrorLine text={action.error.value} />
        <Button type="submit" busy={action.busy.value || !carrierId}>
          {texts.prove.submit}
        </Button>
        <div class="row wrap">
          <Button kind="plain flush" onClick={() => replace(...props.at)}>
            {texts.code.otherNumber}
          </Button>
        </div>
      </form>
    </props.frame>
  );
}

/** The proof came by the link of an SMS: it is used here. */
function ProvedStep(props: ProofFlowProps) {
  const { proof, number } = draftOf(props.purpose).value;
  const action = useAction();
  const failed = useSignal(false);
  useEffect(() => {
    void action
      .run(async () => props.onProof(proof ?? '', number))
      .then(() => {
        failed.value = action.error.value !== undefined;
      });
  }, []);
  return (
    <props.frame title={texts.prove.linkTitle}>
      <p class="soft" role="status">
        {failed.value ? '' : texts.prove.proved}
      </p>
      <ErrorLine text={action.error.value} />
      {failed.value && (
        <Button
          onClick={() => {
            clearDraft(props.purpose);
            replace(...props.at);
          }}
        >
          {texts.prove.startAgain}
        </Button>
      )}
    </props.frame>
  );
}
