import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { Validation } from '../api/types.ts';
import { unbroken } from '../format/number.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { go } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { numberText } from '../ui/number.tsx';
import { Screen } from '../ui/screen.tsx';
import { CodeForm } from './code-form.tsx';
import { NumberForm } from './number-form.tsx';

/** Number → code → linked, and on to the forwarding command. */
export function LinkNumber() {
  const validation = useSignal<Validation | undefined>(undefined);
  const current = validation.value;
  const set = (next: Validation | undefined) => {
    validation.value = next;
  };
  if (!current) {
    return (
      <Screen title={texts.link.title} lead={texts.link.lead} backTo={['numbers']}>
        <NumberForm purpose="link" submit={texts.prove.submit} onStarted={set} />
      </Screen>
    );
  }
  return (
    <Screen
      key="code"
      title={texts.code.title}
      lead={texts.code.sentTo(unbroken(current.number))}
      backTo={['numbers']}
    >
      <CodeForm
        validation={current}
        purpose="link"
        onProof={async (proof) => {
          resources.account.set(await api.linkNumber(proof));
          say(texts.numbers.linked(numberText(current.number)));
          go('numbers', current.number, 'forward');
        }}
        onRestarted={set}
        onOtherNumber={() => set(undefined)}
      />
    </Screen>
  );
}
