import { api } from '../../api/client.ts';
import type { Forwarding } from '../../api/types.ts';
import { resources } from '../../state/data.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';
import { NoReplyTime } from './no-reply-time.tsx';

/** The carrier's platform does it for us. */
export function Automatic(props: { number: string; carrier: string; forwarding: Forwarding }) {
  const { number, carrier, forwarding } = props;
  const { state } = forwarding;
  const action = useAction();
  const busy = action.busy.value || state === 'pending';
  const ask = (wish: 'activate' | 'deactivate' | 'refresh', noReplySeconds?: number) =>
    void action.run(async () => {
      resources.account.set(await api.setForwarding(number, wish, noReplySeconds));
    });
  return (
    <section class="stack">
      <p class="soft">{texts.forwarding.autoLead(carrier)}</p>
      <ErrorLine text={action.error.value} />
      <div class="row wrap">
        {state === 'active' ? (
          <Button kind="quiet" busy={busy} onClick={() => ask('deactivate')}>
            {texts.forwarding.autoOff}
          </Button>
        ) : (
          <Button busy={busy} onClick={() => ask('activate')}>
            {state === 'failed' ? texts.forwarding.autoAgain : texts.forwarding.autoOn}
          </Button>
        )}
        <Button kind="plain" busy={busy} onClick={() => ask('refresh')}>
          {texts.forwarding.autoRead}
        </Button>
      </div>
      <NoReplyTime
        choices={forwarding.noReplyChoices}
        chosen={forwarding.noReplySeconds}
        onChoose={(seconds) => {
          if (seconds !== null) ask('activate', seconds);
        }}
      />
    </section>
  );
}
