/** Telephone events of RFC 4733. */

const KEYS = '0123456789*#ABCD';

/** RFC 4733 section 2.3. */
export interface DtmfEvent {
  /** 0–15 are the keys. */
  event: number;
  end: boolean;
  /** Power below 0 dBm0, 0–63 dB. */
  volume: number;
  /** In timestamp units, 16 bit. */
  duration: number;
}

/** The key of an event code, undefined for codes that are no key. */
export function dtmfKey(event: number): string | undefined {
  return KEYS[event];
}

/** The event code of a key, undefined when it is none of 0–9 * # A–D. */
export function dtmfCode(key: string): number | undefined {
  const code = key.length === 1 ? KEYS.indexOf(key.toUpperCase()) : -1;
  return code < 0 ? undefined : code;
}

/** The first event of a payload; undefined when it is too short. */
export function parseDtmfEvent(payload: Uint8Array): DtmfEvent | undefined {
  if (payload.length < 4) return undefined;
  return {
    event: payload[0]!,
    end: (payload[1]! & 0x80) !== 0,
    volume: payload[1]! & 0x3f,
    duration: (payload[2]! << 8) | payload[3]!,
  };
}

/** @returns 4, the bytes written */
export function writeDtmfEvent(out: Uint8Array, event: DtmfEvent): number {
  out[0] = event.event;
  out[1] = (event.end ? 0x80 : 0) | (event.volume & 0x3f);
  out[2] = event.duration >>> 8;
  out[3] = event.duration & 0xff;
  return 4;
}
