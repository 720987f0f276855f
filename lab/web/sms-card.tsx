import type { SmsRecord } from '../src/model/sms-centre.ts';
import { clockTime, formatNumber } from './format.ts';
import { snapshot } from './store.ts';

const words: Readonly<Record<SmsRecord['state'], string>> = {
  stored: 'Stored',
  delivered: 'Delivered',
  failed: 'Failed',
};

const receipts: Readonly<Record<SmsRecord['receipt'], string>> = {
  none: '',
  asked: 'Receipt asked for',
  returned: 'Receipt sent',
};

/** Every SMS that the centres had of late. */
export function SmsCard() {
  const { sms = [], handsets = [], carriers = [] } = snapshot.value ?? {};
  const nameOf = (number: string) =>
    handsets.find((one) => one.number === number)?.owner ??
    (carriers.some((one) => one.smsNumber === number || one.cNumber === number)
      ? 'Ringthrough'
      : formatNumber(number));
  if (sms.length === 0) {
    return (
      <p class="soft empty">No SMS yet. Codes of the sign-up and notices of missed calls appear here.</p>
    );
  }
  return (
    <ul class="sms-records">
      {sms.map((record) => (
        <li key={record.id}>
          <p class="between">
            <b>{nameOf(record.from)}</b> → <b>{nameOf(record.to)}</b>{' '}
            <span class="soft small num">{clockTime(record.acceptedAt)}</span>
          </p>
          <p class="sms-text">{record.text}</p>
          <p class="small">
            <span class={`badge ${record.state}`}>{words[record.state]}</span>{' '}
            {record.deliveredAt !== null && record.deliveredAt - record.acceptedAt > 1000 && (
              <span class="soft">at {clockTime(record.deliveredAt)} </span>
            )}
            <span class="soft">{receipts[record.receipt]}</span>
          </p>
        </li>
      ))}
    </ul>
  );
}
