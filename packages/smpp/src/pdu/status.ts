import smpp from 'smpp';

/** command_status values with a meaning of their own here (SMPP 3.4 section 5.1.3). */
export const status = {
  ok: 0x00,
  invalidCommandId: 0x03,
  invalidBindStatus: 0x04,
  systemError: 0x08,
  queueFull: 0x14,
  throttled: 0x58,
  /** Receiver temporary application error: the sender keeps the message and tries again. */
  temporaryError: 0x64,
  permanentError: 0x65,
} as const;

/** What to do about an answer: it was taken; slow down and send it again; send it again; never send it again. */
export type Verdict = 'ok' | 'throttled' | 'temporary' | 'permanent';

const permanent = new Set(
  [
    'RINVMSGLEN',
    'RINVCMDLEN',
    'RINVCMDID',
    'RINVPRTFLG',
    'RINVREGDLVFLG',
    'RINVSRCADR',
    'RINVDSTADR',
    'RINVSERTYP',
    'RINVESMCLASS',
    'RCNTSUBDL',
    'RINVSRCTON',
    'RINVSRCNPI',
    'RINVDSTTON',
    'RINVDSTNPI',
    'RINVREPFLAG',
    'RINVSCHED',
    'RINVEXPIRY',
    'RINVDFTMSGID',
    'RX_P_APPN',
    'RX_R_APPN',
    'RINVTLVSTREAM',
    'RTLVNOTALLWD',
    'RINVTLVLEN',
    'RMISSINGTLV',
    'RINVTLVVAL',
    'RSERTYPUNAUTH',
    'RPROHIBITED',
    'RSERTYPDENIED',
    'RINVDCS',
    'RINVSRCADDRSUBUNIT',
    'RINVDSTADDRSUBUNIT',
  ].map((name) => smpp.errors[`ESME_${name}`]),
);

const names = new Map(Object.entries(smpp.errors).map(([name, code]) => [code, name]));

/** Judges the answer to a message. What is not known, vendors' own codes among them, may pass. */
export function verdictOf(code: number): Verdict {
  if (code === status.ok) return 'ok';
  if (code === status.throttled || code === status.queueFull) return 'throttled';
  return permanent.has(code) ? 'permanent' : 'temporary';
}

/** Such as `ESME_RTHROTTLED`, or `0x00000401` of what has no name. */
export function statusName(code: number): string {
  return names.get(code) ?? `0x${code.toString(16).padStart(8, '0')}`;
}
