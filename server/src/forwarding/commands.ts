import type { Carrier } from '../carrier/index.ts';

/** What a person dials on the handset to have unreachable, busy and unanswered calls forwarded, and to undo it. */
export interface ForwardingCommands {
  cNumber: string;
  activate: string;
  deactivate: string;
}

/**
 * GSM: MMI code 004, all conditional forwarding (3GPP TS 22.030 annex B), registration `**` and erasure `##`.
 * CDMA: feature codes as North American carriers have them; within +1 they take the ten-digit number.
 */
export function forwardingCommands(carrier: Pick<Carrier, 'family' | 'cNumber'>): ForwardingCommands {
  const { cNumber } = carrier;
  switch (carrier.family) {
    case 'gsm':
      return { cNumber, activate: `**004*${cNumber}#`, deactivate: '##004#' };
    case 'cdma':
      return { cNumber, activate: `*71${cNumber.replace(/^\+1(?=\d{10}$)|^\+/, '')}`, deactivate: '*73' };
  }
}
