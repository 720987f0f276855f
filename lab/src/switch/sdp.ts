import type { TrunkCodec } from '../model/types.ts';

/** Static payload types of RFC 3551 table 4. */
const staticTypes: Readonly<Record<TrunkCodec, number>> = { PCMU: 0, PCMA: 8 };
const dtmfPayloadType = 101;

export interface LocalMedia {
  host: string;
  port: number;
  codecs: readonly TrunkCodec[];
  /** Identifies the session over its re-offers (RFC 8866 section 5.2). */
  sessionId: number;
  version: number;
}

/** What the far end's SDP says about the one audio stream, as far as the lab uses it. */
export interface RemoteMedia {
  host: string;
  port: number;
  codec: TrunkCodec;
  payloadType: number;
  /** RFC 4733 telephone-event; absent when the far end takes none. */
  dtmfPayloadType: number | undefined;
  /** Direction as the far end states it. */
  direction: Direction;
}

type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** An audio offer or answer: the given G.711 laws and telephone-event, 20 ms packets. */
export function writeSdp(media: LocalMedia): string {
  const types = media.codecs.map((codec) => staticTypes[codec]);
  return [
    'v=0',
    `o=lab ${media.sessionId} ${media.version} IN IP4 ${media.host}`,
    's=-',
    `c=IN IP4 ${media.host}`,
    't=0 0',
    `m=audio ${media.port} RTP/AVP ${[...types, dtmfPayloadType].join(' ')}`,
    ...media.codecs.map((codec) => `a=rtpmap:${staticTypes[codec]} ${codec}/8000`),
    `a=rtpmap:${dtmfPayloadType} telephone-event/8000`,
    `a=fmtp:${dtmfPayloadType} 0-15`,
    'a=ptime:20',
    'a=sendrecv',
    '',
  ].join('\r\n');
}

/**
 * Reads the far end's audio stream and chooses the first codec of its list that the lab has.
 * @returns `undefined` when there is no usable audio stream.
 */
export function readSdp(sdp: string): RemoteMedia | undefined {
  const lines = sdp.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith('m=audio '));
  if (start < 0) return undefined;
  const next = lines.findIndex((line, index) => index > start && line.startsWith('m='));
  const session = lines.slice(0, start);
  const section = lines.slice(start, next < 0 ? undefined : next);
  const [, port = '', , ...formats] = (lines[start] ?? '').slice(2).split(' ');
  const connection = [...section, ...session].find((line) => line.startsWith('c=IN IP4 '));
  const host = connection?.slice('c=IN IP4 '.length).split('/')[0]?.trim();
  const codec = chooseCodec(formats, section);
  if (host === undefined || codec === undefined || Number(port) === 0) return undefined;
  return {
    host,
    port: Number(port),
    ...codec,
    dtmfPayloadType: payloadTypeOf(section, 'telephone-event', formats),
    direction: readDirection(section) ?? readDirection(session) ?? 'sendrecv',
  };
}

function chooseCodec(
  formats: readonly string[],
  section: readonly string[],
): { codec: TrunkCodec; payloadType: number } | undefined {
  for (const format of formats) {
    const payloadType = Number(format);
    const map = section.find((line) => line.startsWith(`a=rtpmap:${format} `));
    const name = map?.split(' ')[1]?.split('/')[0]?.toUpperCase();
    if (name === 'PCMU' || (name === undefined && payloadType === 0)) return { codec: 'PCMU', payloadType };
    if (name === 'PCMA' || (name === undefined && payloadType === 8)) return { codec: 'PCMA', payloadType };
  }
  return undefined;
}

function payloadTypeOf(
  section: readonly string[],
  name: string,
  formats: readonly string[],
): number | undefined {
  const format = formats.find((one) =>
    section.some((line) => line.toLowerCase().startsWith(`a=rtpmap:${one} ${name}/8000`)),
  );
  return format === undefined ? undefined : Number(format);
}

function readDirection(lines: readonly string[]): Direction | undefined {
  for (const direction of ['sendrecv', 'sendonly', 'recvonly', 'inactive'] as const) {
    if (lines.some((line) => line.trim() === `a=${direction}`)) return direction;
  }
  return undefined;
}
