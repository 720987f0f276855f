import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { LinkedNumber } from '../api/types.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { clearDraft } from '../state/proving.ts';
import { href } from '../state/router.ts';
import { accountClosed } from '../state/session.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { numberText } from '../ui/number.tsx';
import { Loaded, Screen } from '../ui/screen.tsx';
import { useAction } from '../ui/use-action.ts';
import { screenFrame } from './frames.tsx';
import { ProofFlow } from './proof/index.ts';

const proofFrame = screenFrame(['settings', 'close']);

async function close(owner: { password: string } | { proof: string }): Promise<void> {
  const deleted = await api.closeAccount(owner);
  accountClosed();
  const { numbers, devices, voicemails, calls } = texts.close.counts;
  const list = [
    numbers(deleted.numbers),
    devices(deleted.devices),
    voicemails(deleted.voicemails),
    calls(deleted.calls),
  ];
  say(texts.close.closed(list.join(', ')));
}

/** Says what will be gone, and asks for the password. */
export function CloseAccount() {
  const password = useSignal('');
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(() => close({ password: password.value }));
  };
  return (
    <Screen title={texts.close.title} lead={texts.close.lead} backTo={['settings']}>
      <div class="stack">
        <Loaded resource={resources.account}>{(account) => <Deleted numbers={account.numbers} />}</Loaded>
        <form class="stack" noValidate onSubmit={submit}>
          <Field
            label={texts.close.password}
            type="password"
            autocomplete="current-password"
            value={password.value}
            onInput={(value) => {
              password.value = value;
              action.error.value = undefined;
            }}
            invalid={action.error.value !== undefined}
          />
          <ErrorLine text={action.error.value} />
          <Button kind="danger" type="submit" busy={action.busy.value || password.value === ''}>
            {texts.close.submit}
          </Button>
        </form>
        <div class="row wrap">
          <a class="button plain flush" href={href('settings', 'close', 'prove')}>
            {texts.close.byProof}
          </a>
        </div>
      </div>
    </Screen>
  );
}

function Deleted(props: { numbers: LinkedNumber[] }) {
  const devices = resources.devices.value.value?.length ?? 0;
  const messages = resources.voicemails.value.value?.length ?? 0;
  const byHand = props.numbers.filter(({ forwarding }) => forwarding?.mode === 'manual');
  return (
    <section class="card stack" aria-labelledby="close-deleted">
      <h2 id="close-deleted">{texts.close.deleted}</h2>
      <ul class="bullets stack tight">
        {props.numbers.map(({ number }) => (
          <li key={number}>{texts.close.number(numberText(number))}</li>
        ))}
        <li>{texts.close.devices(devices)}</li>
        <li>{texts.close.messages(messages)}</li>
        <li>{texts.close.calls}</li>
      </ul>
      {byHand.length > 0 && (
        <div class="stack tight">
          <p class="soft">{texts.close.forwarding}</p>
          {byHand.map(({ number, forwarding }) => (
            <p key={number} class="small">
              {numberText(number)}: <code class="command">{forwarding?.commands.deactivate}</code>
            </p>
          ))}
        </div>
      )}
    </section>
  );
}

/** Without the password: by proving a number of the account. */
export function CloseAccountByProof() {
  return (
    <ProofFlow
      purpose="close"
      at={['settings', 'close', 'prove']}
      frame={proofFrame}
      title={texts.close.proveTitle}
      lead={texts.close.proveLead}
      onProof={async (proof) => {
        await close({ proof });
        clearDraft('close');
      }}
    />
  );
}
