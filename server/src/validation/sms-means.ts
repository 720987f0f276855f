import type { Carrier } from '../carrier/index.ts';

/** Whether SMS go out to the carrier's subscribers. */
export const sendsSms = ({ sms }: Carrier): boolean => sms !== undefined && sms.smpp?.bind !== 'receiver';

/** Whether its SMS centre brings us what its subscribers send. */
export const takesSms = ({ sms }: Carrier): boolean =>
  sms?.smpp ? sms.smpp.bind !== 'transmitter' : sms?.inboundToken !== undefined;
