import {
  codingOf,
  encodeText,
  maxParts,
  type PduFields,
  sarFields,
  udhFields,
  wholeOf,
} from '@ringthrough/smpp';
import type { SmppConfig } from '../../config.ts';
import { formatNumber } from '../number-format.ts';
import type { Sms } from './carrier.ts';

/** TON and NPI (SMPP 3.4 sections 5.2.5 and 5.2.6). */
const international = 1;
const national = 2;
const networkSpecific = 3;
const alphanumeric = 5;
const isdn = 1;

export interface Addressing {
  config: Pick<
    SmppConfig,
    'sourceTon' | 'sourceNpi' | 'destinationTon' | 'destinationNpi' | 'numberFormat' | 'serviceType'
  >;
  /** E.164, a short code, or a name. */
  from: string;
  /** ISO 3166, of the carrier. */
  country: string;
}

/** A submit_sm of one part, or the reason why there can be none. */
export type SmppParts = { parts: PduFields[] } | { why: string };

/** The submit_sm of every part of a message; the same at every try but for the validity. */
export function smppParts(
  sms: Sms,
  {
    addressing,
    config,
    now,
    validityMs,
  }: {
    addressing: Addressing;
    config: Pick<SmppConfig, 'gsmCoding' | 'longMessages' | 'receipts'>;
    now: number;
    validityMs: number;
  },
): SmppParts {
  const encoded = encodeText(sms.text);
  if (encoded.parts.length > maxParts) return { why: 'the text is too long' };
  const common: PduFields = {
    ...addressFields(sms.to, addressing),
    data_coding: codingOf(encoded, config.gsmCoding),
    registered_delivery: config.receipts ? 1 : 0,
    validity_period: relativeTime(Math.min(sms.validUntil - now, validityMs)),
  };
  const [only] = encoded.parts;
  if (encoded.parts.length === 1) return { parts: [{ ...common, short_message: only ?? new Uint8Array() }] };
  if (config.longMessages === 'payload') return { parts: [{ ...common, message_payload: wholeOf(encoded) }] };
  const fields = config.longMessages === 'sar' ? sarFields : udhFields;
  return {
    parts: encoded.parts.map((payload, index) => ({
      ...common,
      ...fields(payload, { reference: sms.reference, parts: encoded.parts.length, part: index + 1 }),
    })),
  };
}

function addressFields(to: string, { config, from, country }: Addressing): PduFields {
  const source = sourceAddress(from, config.numberFormat);
  return {
    service_type: config.serviceType,
    source_addr_ton: config.sourceTon ?? source.ton,
    source_addr_npi: config.sourceNpi ?? source.npi,
    source_addr: source.address,
    dest_addr_ton: config.destinationTon ?? (config.numberFormat === 'national' ? national : international),
    dest_addr_npi: config.destinationNpi,
    destination_addr: formatNumber(to, config.numberFormat, country),
  };
}

function sourceAddress(from: string, format: SmppConfig['numberFormat']) {
  if (/^\+\d+$/.test(from)) {
    return { ton: international, npi: isdn, address: format === 'e164' ? from : from.slice(1) };
  }
  const ton = /^\d+$/.test(from) ? networkSpecific : alphanumeric;
  return { ton, npi: 0, address: from };
}

const longestDays = 30;

/** A relative time, `YYMMDDhhmmss000R` (SMPP 3.4 section 7.1.1.2); at least a second. */
export function relativeTime(durationMs: number): string {
  const seconds = Math.min(Math.max(Math.round(durationMs / 1000), 1), longestDays * 86_400);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const time = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60, seconds % 60].map(two).join('');
  return `0000${time}000R`;
}
