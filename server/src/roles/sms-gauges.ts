import type { SmsService } from '../carrier/index.ts';
import type { GaugeSource } from '../http/index.ts';

/** What /metrics tells of SMS: counts since the start, by carrier where that says something; no numbers of anybody. */
export function smsGauges(sms: Pick<SmsService, 'stats' | 'waiting'>): GaugeSource[] {
  const total = (
    name: string,
    help: string,
    key: 'sent' | 'failed' | 'received' | 'duplicates',
  ): GaugeSource => ({
    name,
    help,
    read: () => sms.stats()[key],
  });
  const perCarrier = (
    name: string,
    help: string,
    value: (carrier: { up: boolean; throttled: number }) => number,
  ): GaugeSource => ({
    name,
    help,
    labelNames: ['carrier'],
    readAll: () =>
      sms
        .stats()
        .carriers.map((carrier) => ({ labels: { carrier: carrier.carrierId }, value: value(carrier) })),
  });
  return [
    {
      name: 'ringthrough_sms_waiting',
      help: 'SMS not yet taken by a carrier',
      read: async () => (await sms.waiting()).reduce((sum, { count }) => sum + count, 0),
    },
    total('ringthrough_sms_sent_total', 'SMS that a carrier has taken', 'sent'),
    total('ringthrough_sms_failed_total', 'SMS given up', 'failed'),
    total('ringthrough_sms_received_total', 'SMS from people', 'received'),
    total('ringthrough_sms_duplicates_total', 'SMS from people that came again', 'duplicates'),
    perCarrier('ringthrough_sms_up', 'Whether the carrier can take SMS: bound, or answering', ({ up }) =>
      Number(up),
    ),
    perCarrier(
      'ringthrough_sms_throttled_total',
      'Answers of a carrier that it has too much',
      ({ throttled }) => throttled,
    ),
  ];
}
