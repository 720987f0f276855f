import type { CallRecord } from '../api/types.ts';
import { formatDuration, formatExactly, formatWhen } from '../format/time.ts';
import { resources } from '../state/data.ts';
import { texts } from '../texts/index.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { PhoneNumber } from '../ui/number.tsx';

interface Reading {
  words: string;
  icon: IconName;
  tone: 'good' | 'bad' | 'plain';
}

/** How a call ended, for this device: taken by another device it is "answered elsewhere", never missed. */
export function readOutcome(call: CallRecord, thisDeviceId: string | undefined): Reading {
  if (call.outcome === 'answered' || (call.outcome === null && call.answeredAt !== null)) {
    const ongoing = call.endedAt === null;
    const here = call.device !== null && call.device.id === thisDeviceId;
    if (here) {
      return { words: ongoing ? texts.calls.ongoing : texts.calls.answeredHere, icon: 'arrow', tone: 'good' };
    }
    const words = call.device ? texts.calls.answeredOn(call.device.name) : texts.calls.answeredElsewhere;
    return { words, icon: 'device', tone: 'plain' };
  }
  switch (call.outcome) {
    case 'missed':
      return { words: texts.calls.missed, icon: 'missed', tone: 'bad' };
    case 'cancelled':
      return { words: texts.calls.cancelled, icon: 'missed', tone: 'bad' };
    case 'voicemail':
      return { words: texts.calls.voicemail, icon: 'voicemail', tone: 'plain' };
    case 'declined':
      return { words: texts.calls.declined, icon: 'close', tone: 'plain' };
    case 'failed':
    case 'unknown-number':
      return { words: texts.calls[call.outcome], icon: 'info', tone: 'bad' };
    default:
      return { words: texts.calls.ongoing, icon: 'bell', tone: 'good' };
  }
}

/** One line of the call log; opens to the details. */
export function CallItem(props: { call: CallRecord }) {
  const { call } = props;
  const current = resources.devices.value.value?.find((device) => device.current);
  const reading = readOutcome(call, current?.id);
  return (
    <li>
      <details>
        <summary class="item">
          <span class={`mark ${reading.tone}`}>
            <Icon name={reading.icon} size={20} />
          </span>
          <span class="item-main">
            <span class={`item-title block ${reading.tone === 'bad' ? 'bad-text' : ''}`}>
              <PhoneNumber value={call.caller} />
            </span>
            <span class="item-note block">{reading.words}</span>
          </span>
          <span class="item-note num">{formatWhen(call.arrivedAt)}</span>
          <span class="turns">
            <Icon name="next" size={16} />
          </span>
        </summary>
        <CallDetails call={call} />
      </details>
    </li>
  );
}

function CallDetails(props: { call: CallRecord }) {
  const { call } = props;
  const rows: Array<[string, string | undefined]> = [
    [texts.calls.arrived, formatExactly(call.arrivedAt)],
    [texts.calls.duration, call.durationMs ? formatDuration(call.durationMs) : undefined],
    [texts.calls.device, call.device?.name],
    [texts.calls.reason, call.reason ? (texts.calls.reasons[call.reason] ?? call.reason) : undefined],
    [texts.calls.codecs, codecText(call)],
    [texts.calls.quality, qualityText(call)],
  ];
  return (
    <dl class="details">
      <dt>{texts.calls.to}</dt>
      <dd>
        <PhoneNumber value={call.number} />
      </dd>
      {rows.map(([name, value]) =>
        value === undefined ? null : (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ),
      )}
    </dl>
  );
}

function codecText(call: CallRecord): string | undefined {
  if (!call.codecs?.carrier || !call.codecs.client) return undefined;
  return texts.calls.codecPair(call.codecs.carrier, call.codecs.client);
}

function qualityText(call: CallRecord): string | undefined {
  const client = call.quality?.client;
  if (!client) return undefined;
  const expected = client.packetsReceived + client.packetsLost;
  if (expected === 0) return undefined;
  const loss = (100 * client.packetsLost) / expected;
  return `${texts.calls.loss(loss.toFixed(1))}, ${texts.calls.jitter(client.jitterMs.toFixed(0))}`;
}
