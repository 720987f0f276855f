import type { Carrier } from '../carrier/index.ts';

/** What a person dials on the handset; null: the carrier has no such code. */
export interface ForwardingCommands {
  /** Unreachable, busy and unanswered calls are forwarded to the C number. */
  activate: string;
  deactivate: string;
  /** Shows on the handset's screen what is forwarded. */
  status: string | null;
  /** Sets how long it rings before an unanswered call is forwarded; `{seconds}` stands for the time. */
  noReply: string | null;
  deactivateNoReply: string | null;
}

/** The no-reply times that networks know: 3GPP TS 22.082, in steps of 5 (TS 22.030 annex B). */
export const noReplyChoices = [5, 10, 15, 20, 25, 30] as const;

type Templates = { [Name in keyof ForwardingCommands]: string | null };

/** MMI codes of 3GPP TS 22.030 annex B: 004 all conditional forwarding, 61 no reply; `**` registers, `##` erases. */
const gsm: Templates = {
  activate: '**004*{cNumber}#',
  deactivate: '##004#',
  status: '*#004#',
  noReply: '**61*{cNumber}**{seconds}#',
  deactivateNoReply: '##61#',
};

/** Feature codes as North American carriers have them (TIA-664): they answer with a tone and know no times. */
const cdma: Templates = {
  activate: '*71{cNational}',
  deactivate: '*73',
  status: null,
  noReply: null,
  deactivateNoReply: null,
};

/** The codes of the carrier's family, with its own where the catalogue has them. */
export function forwardingCommands(
  carrier: Pick<Carrier, 'family' | 'cNumber' | 'commands'>,
): ForwardingCommands {
  const own = Object.fromEntries(
    Object.entries(carrier.commands ?? {}).filter(([, template]) => template !== undefined),
  );
  const { activate, deactivate, ...others }: Templates = {
    ...(carrier.family === 'gsm' ? gsm : cdma),
    ...own,
  };
  const fill = (template: string | null): string | null => template && filled(template, carrier.cNumber);
  return {
    activate: fill(activate) ?? '',
    deactivate: fill(deactivate) ?? '',
    status: fill(others.status),
    noReply: fill(others.noReply),
    deactivateNoReply: fill(others.deactivateNoReply),
  };
}

/** Within +1 feature codes take the ten-digit number; from elsewhere all digits. */
function filled(template: string, cNumber: string): string {
  return template
    .replaceAll('{cNumber}', cNumber)
    .replaceAll('{cDigits}', cNumber.slice(1))
    .replaceAll('{cNational}', cNumber.replace(/^\+1(?=\d{10}$)|^\+/, ''));
}
