import { phoneState } from '../phone/index.ts';
import { resources } from '../state/data.ts';
import { texts } from '../texts/index.ts';
import { Mark } from '../ui/logo.tsx';

/** Whether this device will ring, in one look: the ring of the logo is whole or not. */
export function Reach() {
  const { connection } = phoneState.value;
  const others =
    resources.devices.value.value?.filter((device) => device.registered && !device.current).length ?? 0;
  const words = {
    registered: [
      texts.reach.registered,
      others > 0 ? texts.reach.others(others) : texts.reach.registeredMore,
    ],
    connecting: [texts.reach.connecting, texts.reach.connectingMore],
    offline: [texts.reach.offline, texts.reach.offlineMore],
    refused: [texts.reach.refused, texts.reach.refusedMore],
    stopped: [texts.reach.connecting, texts.reach.connectingMore],
  }[connection];
  return (
    <section class={`reach ${connection}`} role="status" data-testid="reachability" data-state={connection}>
      <Mark />
      <div class="stack tight">
        <h2>{words[0]}</h2>
        <p class="soft small">{words[1]}</p>
      </div>
    </section>
  );
}
