import type { Forwarding } from '../../api/types.ts';
import { formatWhen } from '../../format/time.ts';
import { texts } from '../../texts/index.ts';
import { Icon, type IconName } from '../../ui/icon.tsx';

const looks: Record<Forwarding['state'], { icon: IconName; tone: string }> = {
  active: { icon: 'check', tone: 'good' },
  pending: { icon: 'wave', tone: 'warm' },
  failed: { icon: 'info', tone: 'bad' },
  inactive: { icon: 'close', tone: '' },
  unknown: { icon: 'info', tone: '' },
};

/** Whether it is on, who says so and since when; verified, when a test call came back. */
export function State(props: { forwarding: Forwarding }) {
  const { state, source, changedAt, error, check } = props.forwarding;
  const { icon, tone } = looks[state];
  const settled = state === 'active' || state === 'inactive';
  const notes = [
    settled && source ? texts.forwarding.sources[source] : undefined,
    settled && changedAt !== null ? texts.forwarding.stateSince(formatWhen(changedAt)) : undefined,
  ].filter(Boolean);
  return (
    <section class="card row top" role="status" data-testid="forwarding-state" data-state={state}>
      <span class={`mark ${tone}`}>
        <Icon name={icon} />
      </span>
      <div class="grow stack tight">
        <h2>{texts.forwarding.states[state]}</h2>
        {notes.length > 0 && <p class="soft small">{notes.join(', ')}</p>}
        {error && <p class="small">{errorWords(error)}</p>}
        {check?.state === 'verified' && (
          <p>
            <span class="tag">{texts.forwarding.verified(formatWhen(check.at))}</span>
          </p>
        )}
      </div>
    </section>
  );
}

function errorWords(error: string): string {
  const known: Record<string, string> = texts.forwarding.errors;
  return known[error] ?? texts.forwarding.autoFailed;
}
