import type { GaugeSource, WebServers } from '../http/index.ts';
import type { Telephony } from './telephony.ts';

/** What /metrics tells of the house, besides HTTP and the process. */
export function createGauges(
  { stack, media, calls, registrar, trunking, subscriptions }: Telephony,
  { limits }: WebServers,
): GaugeSource[] {
  const sip = (name: string, help: string, key: keyof ReturnType<typeof stack.stats>): GaugeSource => ({
    name,
    help,
    read: () => stack.stats()[key],
  });
  const guard = (
    name: string,
    help: string,
    key: keyof ReturnType<typeof registrar.guardStats>,
  ): GaugeSource => ({ name, help, read: () => registrar.guardStats()[key] });
  return [
    { name: 'ringthrough_calls_active', help: 'Calls in progress', read: () => calls.active().length },
    { name: 'ringthrough_media_legs', help: 'Open media legs', read: async () => (await media.stats()).legs },
    {
      name: 'ringthrough_rtp_ports_free',
      help: 'RTP ports left',
      read: async () => (await media.stats()).rtpPortsFree,
    },
    sip('ringthrough_sip_server_transactions', 'Live server transactions', 'serverTransactions'),
    sip('ringthrough_sip_client_transactions', 'Live client transactions', 'clientTransactions'),
    sip('ringthrough_sip_dialogs', 'Live dialogs', 'dialogs'),
    {
      name: 'ringthrough_sip_subscriptions',
      help: 'Live subscriptions of devices',
      read: () => subscriptions.size,
    },
    sip('ringthrough_sip_flows', 'Open SIP connections', 'flows'),
    sip('ringthrough_sip_timers', 'Armed timers of transactions and dialogs', 'timers'),
    guard('ringthrough_sip_banned', 'Sources that get no answer for wrong passwords', 'banned'),
    guard('ringthrough_sip_bans_total', 'Bans since the start', 'bans'),
    guard('ringthrough_sip_dropped_ban_total', 'Requests of banned sources', 'ban'),
    guard('ringthrough_sip_dropped_scanner_total', 'Requests of known scanners', 'scanner'),
    guard('ringthrough_sip_dropped_flood_total', 'Requests of strangers beyond their rate', 'flood'),
    guard('ringthrough_sip_dropped_short_total', 'REGISTERs shorter than their challenge', 'tooShort'),
    {
      name: 'ringthrough_http_connections_refused_total',
      help: 'HTTP connections beyond the limits',
      read: () => limits.refused,
    },
    ...trunking.gauges,
  ];
}
