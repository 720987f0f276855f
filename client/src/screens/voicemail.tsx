import { useSignal } from '@preact/signals';
import { api } from '../api/client.ts';
import type { Voicemail as Message } from '../api/types.ts';
import { formatDuration, formatExactly, formatWhen } from '../format/time.ts';
import { resources } from '../state/data.ts';
import { explain, say } from '../state/messages.ts';
import { texts } from '../texts/index.ts';
import { IconButton } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { ErrorLine } from '../ui/field.tsx';
import { numberText, PhoneNumber } from '../ui/number.tsx';
import { Empty, Loaded, Screen } from '../ui/screen.tsx';
import { useAction } from '../ui/use-action.ts';
import { Player } from './player.tsx';

export function Voicemail() {
  return (
    <Screen title={texts.voicemail.title}>
      <Loaded resource={resources.voicemails}>
        {(messages) =>
          messages.length === 0 ? (
            <Empty icon="voicemail" title={texts.voicemail.empty} lead={texts.voicemail.emptyLead} />
          ) : (
            <ul class="list">
              {messages.map((message) => (
                <MessageItem key={message.id} message={message} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Screen>
  );
}

function MessageItem(props: { message: Message }) {
  const { message } = props;
  const asking = useSignal(false);
  const action = useAction();
  const caller = numberText(message.caller);
  const heard = async () => {
    if (message.heardAt !== null) return;
    try {
      await api.markHeard(message.id);
    } catch (error) {
      say(explain(error), 'bad');
    }
    await resources.voicemails.refresh();
  };
  const remove = () =>
    action.run(async () => {
      await api.deleteVoicemail(message.id);
      asking.value = false;
      say(texts.voicemail.deleted);
      await resources.voicemails.refresh();
    });
  return (
    <li data-testid="voicemail" data-heard={message.heardAt !== null}>
      <details>
        <summary class="item">
          <span class="item-main">
            <span class="item-title block">
              <PhoneNumber value={message.caller} />
            </span>
            <span class="item-note block">
              {formatWhen(message.storedAt)} · {formatDuration(message.durationMs)}
            </span>
          </span>
          {message.heardAt === null ? (
            <span class="tag warm">{texts.voicemail.unheard}</span>
          ) : (
            <span class="item-note">{texts.voicemail.heard}</span>
          )}
        </summary>
        <dl class="details">
          <dt>{texts.voicemail.to}</dt>
          <dd>
            <PhoneNumber value={message.number} />
          </dd>
          <dt>{texts.voicemail.left}</dt>
          <dd>{formatExactly(message.storedAt)}</dd>
        </dl>
      </details>
      <div class="player">
        <Player
          id={message.id}
          caller={caller}
          durationMs={message.durationMs}
          onHeard={() => void heard()}
        />
        <IconButton
          icon="trash"
          label={texts.voicemail.delete(caller)}
          onClick={() => {
            asking.value = true;
          }}
        />
      </div>
      {asking.value && (
        <Confirm
          title={texts.voicemail.deleteTitle}
          yes={texts.voicemail.deleteYes}
          busy={action.busy.value}
          onYes={() => void remove()}
          onNo={() => {
            asking.value = false;
          }}
        >
          <p class="soft">{texts.voicemail.deleteLead(caller)}</p>
          <ErrorLine text={action.error.value} />
        </Confirm>
      )}
    </li>
  );
}
