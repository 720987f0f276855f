import { texts } from '../../texts/index.ts';

/** How long the phone rings before an unanswered call is forwarded. */
export function NoReplyTime(props: {
  choices: number[];
  chosen: number | null;
  onChoose: (seconds: number | null) => void;
}) {
  if (props.choices.length === 0) return null;
  return (
    <label class="field">
      <span class="label">{texts.forwarding.noReply}</span>
      <select
        class="input"
        value={props.chosen ?? ''}
        onChange={(event) => props.onChoose(Number(event.currentTarget.value) || null)}
      >
        <option value="">{texts.forwarding.noReplyDefault}</option>
        {props.choices.map((seconds) => (
          <option key={seconds} value={seconds}>
            {texts.forwarding.seconds(seconds)}
          </option>
        ))}
      </select>
    </label>
  );
}
