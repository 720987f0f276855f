import type { ForwardingCondition } from '../src/model/forwarding-table.ts';
import type { CarrierCondition, RedirectionHeaders } from '../src/model/types.ts';
import type { CarrierView, HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { Choice } from './choice.tsx';
import { Flash } from './flash.tsx';
import { formatNumber } from './format.ts';
import { act, snapshot } from './store.ts';

const conditions: ReadonlyArray<{ condition: ForwardingCondition; label: string }> = [
  { condition: 'unconditional', label: 'Always' },
  { condition: 'busy', label: 'Busy' },
  { condition: 'no-reply', label: 'No reply' },
  { condition: 'not-reachable', label: 'Unreachable' },
];

/** Each carrier: what its switch forwards, its numbers, and what of it is in order. */
export function SwitchesCard() {
  const { carriers = [], handsets = [] } = snapshot.value ?? {};
  return (
    <>
      {carriers.map((carrier) => (
        <section class="switch" key={carrier.id} aria-label={carrier.name}>
          <h2>{carrier.name}</h2>
          <Numbers carrier={carrier} />
          <Table
            carrier={carrier}
            handsets={handsets.filter(({ carrierId }) => carrierId === carrier.id)}
            nameOf={nameIn(carriers, handsets)}
          />
          <Machines carrier={carrier} />
        </section>
      ))}
    </>
  );
}

function nameIn(carriers: readonly CarrierView[], handsets: readonly HandsetView[]) {
  return (number: string): string => {
    if (carriers.some(({ cNumber }) => cNumber === number)) return 'Ringthrough';
    if (carriers.some(({ voicemailNumber }) => voicemailNumber === number)) return 'voicemail';
    return handsets.find((one) => one.number === number)?.owner ?? formatNumber(number);
  };
}

function Numbers({ carrier }: { carrier: CarrierView }) {
  const numbers = [
    { label: 'C number', number: carrier.cNumber },
    { label: 'SMS', number: carrier.smsNumber },
    { label: 'Missed calls', number: carrier.serviceNumbers[0] },
    { label: 'Voicemail', number: carrier.voicemailNumber },
  ];
  return (
    <dl class="numbers">
      {numbers.map(
        ({ label, number }) =>
          typeof number === 'string' && (
            <div key={label}>
              <dt>{label}</dt>
              <dd class="num">{formatNumber(number)}</dd>
            </div>
          ),
      )}
      <div>
        <dt>Switch</dt>
        <dd class="num">
          {carrier.sip.host}:{carrier.sip.port}
        </dd>
      </div>
    </dl>
  );
}

interface TableProps {
  carrier: CarrierView;
  handsets: readonly HandsetView[];
  nameOf: (number: string) => string;
}

function Table({ carrier, handsets, nameOf }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways on a phone, and the keyboard must reach it
    <section class="table" tabIndex={0} aria-label={`Forwarding at ${carrier.name}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Handset</th>
            {conditions.map(({ condition, label }) => (
              <th scope="col" key={condition}>
                {label}
              </th>
            ))}
            {carrier.voicemailNumber !== null && <th scope="col">Carrier’s voicemail</th>}
          </tr>
        </thead>
        <tbody>
          {handsets.map((handset) => (
            <tr key={handset.number}>
              <th scope="row">{handset.owner}</th>
              {conditions.map(({ condition }) => (
                <td key={condition}>
                  <Flash text={cellOf(handset, condition, nameOf)} />
                </td>
              ))}
              {carrier.voicemailNumber !== null && (
                <td>
                  <label class="check">
                    <input
                      type="checkbox"
                      checked={handset.carrierVoicemail.on}
                      onChange={(event) => {
                        const on = event.currentTarget.checked;
                        void act(() => api.setCarrierVoicemail(handset.number, on));
                      }}
                    />
                    <span class="visually-hidden">
                      Voicemail of {carrier.name} for {handset.owner}
                    </span>
                    {handset.carrierVoicemail.messages.length > 0 &&
                      `${handset.carrierVoicemail.messages.length} left`}
                  </label>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function cellOf(
  { forwardings }: HandsetView,
  condition: ForwardingCondition,
  nameOf: (number: string) => string,
): string {
  const entry = forwardings[condition];
  if (entry === undefined) return '–';
  const time = condition === 'no-reply' ? ` after ${entry.noReplySeconds} s` : '';
  return `${nameOf(entry.to)}${time}${entry.active ? '' : ' (off)'}`;
}

const redirections: ReadonlyArray<{ value: RedirectionHeaders; label: string }> = [
  { value: 'diversion', label: 'Diversion' },
  { value: 'history-info', label: 'History-Info' },
  { value: 'both', label: 'both' },
  { value: 'none', label: 'neither' },
];

const smsStates: ReadonlyArray<{ value: CarrierCondition['sms']; label: string }> = [
  { value: 'up', label: 'in order' },
  { value: 'throttled', label: 'has too much to do' },
  { value: 'down', label: 'out of order' },
];

const lineStates: ReadonlyArray<{ value: CarrierCondition['trunk']; label: string }> = [
  { value: 'up', label: 'in order' },
  { value: 'down', label: 'cut' },
];

const provisioningStates: ReadonlyArray<{ value: CarrierCondition['provisioning']; label: string }> = [
  { value: 'up', label: 'in order' },
  { value: 'down', label: 'out of order' },
];

function Machines({ carrier: { id, name, redirection, condition } }: { carrier: CarrierView }) {
  return (
    <div class="machines">
      <Choice
        label="Called number is told by"
        of={name}
        value={redirection}
        options={redirections}
        onChange={(value) => void act(() => api.setCarrier(id, { redirection: value }))}
      />
      <Choice
        label="Line to Ringthrough"
        of={name}
        value={condition.trunk}
        options={lineStates}
        onChange={(trunk) => void act(() => api.setCarrier(id, { trunk }))}
      />
      <Choice
        label="SMS centre"
        of={name}
        value={condition.sms}
        options={smsStates}
        onChange={(sms) => void act(() => api.setCarrier(id, { sms }))}
      />
      <Choice
        label="Provisioning"
        of={name}
        value={condition.provisioning}
        options={provisioningStates}
        onChange={(provisioning) => void act(() => api.setCarrier(id, { provisioning }))}
      />
    </div>
  );
}
