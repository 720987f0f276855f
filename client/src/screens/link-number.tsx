import { api } from '../api/client.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { clearDraft } from '../state/proving.ts';
import { replace } from '../state/router.ts';
import { texts } from '../texts/index.ts';
import { numberText } from '../ui/number.tsx';
import { screenFrame } from './frames.tsx';
import { ProofFlow } from './proof/index.ts';

const frame = screenFrame(['numbers']);

/** Number → proof → linked, and on to the forwarding. */
export function LinkNumber() {
  return (
    <ProofFlow
      purpose="link"
      at={['numbers', 'link']}
      frame={frame}
      title={texts.link.title}
      lead={texts.link.lead}
      onProof={async (proof, number) => {
        resources.account.set(await api.linkNumber(proof));
        clearDraft('link');
        say(texts.numbers.linked(numberText(number)));
        replace('numbers', number, 'forward');
      }}
    />
  );
}
