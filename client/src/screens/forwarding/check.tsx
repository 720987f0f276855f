import { api } from '../../api/client.ts';
import type { Forwarding, ForwardingCheck } from '../../api/types.ts';
import { formatWhen } from '../../format/time.ts';
import { resources } from '../../state/data.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';

/** "Is my forwarding on?", answered by a real call (R-FWD-CHECK). */
export function Check(props: { number: string; forwarding: Forwarding }) {
  const { check } = props.forwarding;
  const action = useAction();
  const running = check?.state === 'running';
  const start = () =>
    void action.run(async () => {
      await api.checkForwarding(props.number);
      await resources.account.refresh();
    });
  return (
    <section class="card stack" aria-labelledby="forwarding-check">
      <h2 id="forwarding-check">{texts.forwarding.checkTitle}</h2>
      <p class="soft small">{texts.forwarding.checkLead}</p>
      <div
        role="status"
        data-testid="forwarding-check"
        data-state={check?.state ?? 'none'}
        data-seen={check?.seen}
      >
        {check && <Outcome check={check} />}
      </div>
      <ErrorLine text={action.error.value} />
      <div>
        <Button kind="quiet" busy={running || action.busy.value} onClick={start}>
          {texts.forwarding.check}
        </Button>
      </div>
    </section>
  );
}

function Outcome(props: { check: ForwardingCheck }) {
  const { state, seen, at } = props.check;
  if (state === 'running') {
    return (
      <p class="progress">
        <span class="pulse" aria-hidden="true" />
        {texts.forwarding.checking}
      </p>
    );
  }
  return (
    <div class="stack tight">
      <p class={state === 'verified' ? 'good-note' : 'told'}>
        {seen ? texts.forwarding.seen[seen] : texts.forwarding.checkFailed}
      </p>
      <p class="soft small">{texts.forwarding.checkedAt(formatWhen(at))}</p>
    </div>
  );
}
