import type { NetworkFamily } from './types.ts';

/**
 * What a phone makes of the keys typed before the green button: a supplementary service code (3GPP TS 22.030
 * section 6.5.2; on CDMA networks a feature code, TIA-664) or a number to call. Pure text work; the switch decides
 * whether it can be done.
 */

/** Forwarding conditions as service codes name them (TS 22.030 annex B). */
export type ForwardingService =
  | 'unconditional'
  | 'busy'
  | 'no-reply'
  | 'not-reachable'
  | 'all'
  | 'all-conditional';

const forwardingServices: ReadonlyMap<string, ForwardingService> = new Map([
  ['21', 'unconditional'],
  ['67', 'busy'],
  ['61', 'no-reply'],
  ['62', 'not-reachable'],
  ['002', 'all'],
  ['004', 'all-conditional'],
]);

export type ForwardingProcedure = 'register' | 'activate' | 'deactivate' | 'erase' | 'interrogate';

export type Dialled =
  | {
      kind: 'forwarding';
      procedure: ForwardingProcedure;
      service: ForwardingService;
      /** Forwarded-to number as typed; only with `register`. */
      number?: string;
      /** Seconds of ringing before no-reply forwarding; only with `register`. */
      noReplySeconds?: number;
    }
  | { kind: 'imei' }
  | { kind: 'call'; number: string; withholdNumber: boolean }
  | { kind: 'invalid'; text: string };

const procedures: ReadonlyMap<string, ForwardingProcedure> = new Map([
  ['**', 'register'],
  ['*', 'activate'],
  ['#', 'deactivate'],
  ['##', 'erase'],
  ['*#', 'interrogate'],
]);

/** `procedure service-code [*SIA[*SIB[*SIC]]] #`, the form of every supplementary service code. */
const serviceCode = /^(\*\*|\*#|##|\*|#)([0-9]{2,3})(?:\*([^#]*))?#$/;

/** `*71` and `*72` with the number, `*73`. */
const featureCode = /^\*7(?:([12])(\+?[0-9]{3,15})|3)$/;

/** Reads what was typed. Spaces and separators people type are ignored. */
export function parseDialled(typed: string, family: NetworkFamily = 'gsm'): Dialled {
  const text = typed.replace(/[\s().-]/g, '');
  if (text === '') return { kind: 'invalid', text: 'Nothing was dialled.' };
  if (text === '*#06#') return { kind: 'imei' };
  if (family === 'cdma') return parseOnCdma(text);
  const code = serviceCode.exec(text);
  if (code !== null) return parseServiceCode(code);
  return parseCall(text);
}

/** *71: unanswered, busy and unreachable calls; *72: all calls; *73: none. */
function parseOnCdma(text: string): Dialled {
  const feature = featureCode.exec(text);
  if (feature === null) {
    return text.startsWith('*') || text.startsWith('#')
      ? { kind: 'invalid', text: 'This network has no such code.' }
      : parseCall(text);
  }
  const [, which, number] = feature;
  if (number === undefined) return { kind: 'forwarding', procedure: 'erase', service: 'all' };
  const service = which === '1' ? 'all-conditional' : 'unconditional';
  return { kind: 'forwarding', procedure: 'register', service, number };
}

function parseServiceCode(match: RegExpExecArray): Dialled {
  const [, prefix = '', code = '', information = ''] = match;
  const service = forwardingServices.get(code);
  const procedure = procedures.get(prefix);
  if (service === undefined || procedure === undefined) {
    return { kind: 'invalid', text: `This network has no service ${prefix}${code}.` };
  }
  // SIA is the number, SIB the basic service (ignored: the lab has voice only), SIC the no-reply time.
  const [number = '', , seconds = ''] = information.split('*');
  // "*" with a number means registration (TS 22.030 section 6.5.2).
  if (procedure === 'register' || (procedure === 'activate' && number !== '')) {
    return parseRegistration(service, number, seconds);
  }
  return { kind: 'forwarding', procedure, service };
}

function parseRegistration(service: ForwardingService, number: string, seconds: string): Dialled {
  if (!/^\+?[0-9]{3,15}$/.test(number)) {
    return { kind: 'invalid', text: 'The number to forward to is missing or wrong.' };
  }
  const registration = { kind: 'forwarding', procedure: 'register', service, number } as const;
  if (seconds === '') return registration;
  const noReplySeconds = Number(seconds);
  // TS 22.082 section 3.2: 5 to 30 seconds, in steps of 5.
  if (
    !/^[0-9]{1,2}$/.test(seconds) ||
    noReplySeconds < 5 ||
    noReplySeconds > 30 ||
    noReplySeconds % 5 !== 0
  ) {
    return { kind: 'invalid', text: 'The time must be 5, 10, 15, 20, 25 or 30 seconds.' };
  }
  if (service === 'busy' || service === 'unconditional' || service === 'not-reachable') {
    return { kind: 'invalid', text: 'Only forwarding on no reply has a time.' };
  }
  return { ...registration, noReplySeconds };
}

function parseCall(text: string): Dialled {
  // #31# and *31# before a number: withhold or show the own number for this call (TS 22.030 section 6.5.5.2).
  const perCall = /^([#*])31#(.+)$/.exec(text);
  const number = perCall?.[2] ?? text;
  if (!/^\+?[0-9]{3,15}$/.test(number)) return { kind: 'invalid', text: 'Invalid number or code.' };
  return { kind: 'call', number, withholdNumber: perCall?.[1] === '#' };
}
