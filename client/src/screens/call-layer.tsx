import { useEffect } from 'preact/hooks';
import { type Call, callerName, isLive, phoneState } from '../phone/index.ts';
import { texts } from '../texts/index.ts';
import { Icon } from '../ui/icon.tsx';
import { CallBar, callMinimised, InCall } from './in-call.tsx';
import { Ringing } from './ringing.tsx';

/** Which call the screen belongs to: the one going on, else the one that rings, else one that is just over. */
export function pickCalls(calls: readonly Call[]): { main: Call | undefined; waiting: Call | undefined } {
  const talking = calls.find((call) => call.phase === 'active' || call.phase === 'calling');
  const ringing = calls.filter((call) => call.phase === 'ringing' || call.phase === 'answering');
  if (talking) return { main: talking, waiting: ringing[0] };
  return { main: ringing[0] ?? calls.findLast((call) => call.phase === 'ended'), waiting: undefined };
}

/** Everything about calls that lies over the other screens. */
export function CallLayer() {
  const { main, waiting } = pickCalls(phoneState.value.calls);
  const live = main !== undefined && isLive(main);
  useEffect(() => {
    if (!live || waiting) callMinimised.value = false;
  }, [live, waiting]);
  if (!main) return null;
  if (main.phase === 'ringing' || main.phase === 'answering') return <Ringing key={main.id} call={main} />;
  if (main.phase === 'ended' && main.answeredAt === undefined && main.direction === 'incoming') {
    return <Farewell call={main} />;
  }
  if (callMinimised.value && live && !waiting) return <CallBar call={main} />;
  return <InCall key={main.id} call={main} waiting={waiting} />;
}

/** How a call that was not taken here ended: "Answered elsewhere" and the like. */
function Farewell(props: { call: Call }) {
  const outcome = props.call.outcome ?? 'completed';
  return (
    <div class="farewell" role="status" data-testid="call-outcome" data-outcome={outcome}>
      <span class="mark good">
        <Icon name={outcome === 'answered-elsewhere' ? 'device' : 'info'} size={20} />
      </span>
      <span>
        <strong>{texts.outcome[outcome]}</strong>
        <span class="item-note block">{callerName(props.call)}</span>
      </span>
    </div>
  );
}
