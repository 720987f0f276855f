import { isIPv4 } from 'node:net';
import type { Fingerprint } from '@ringthrough/ice';
import { type MediaDescription, parse, type SessionDescription } from 'sdp-transform';
import { type CodecName, type LegKind, MediaError } from '../media-plane.ts';

/** A codec with its payload type in one direction. */
export interface PayloadFormat {
  payloadType: number;
  codec: CodecName;
}

/** telephone-event (RFC 4733 section 2.4.1) with its own clock. */
export interface EventFormat {
  payloadType: number;
  clockRate: number;
}

export type Setup = 'active' | 'passive' | 'actpass' | 'holdconn';

/** What a session description says about its audio, and what an answer has to repeat of the rest. */
export interface RemoteAudio {
  /** Where RTP goes; undefined while the peer is on hold the old way (`c=0.0.0.0`, RFC 3264 section 8.4). */
  rtp: { address: string; port: number; rtcpPort: number } | undefined;
  rtcpMux: boolean;
  /** Whether the peer is willing to receive, and to send. */
  receives: boolean;
  sends: boolean;
  /** In the peer's order, only those this plane knows. */
  formats: PayloadFormat[];
  events: EventFormat[];
  ptimeMs: number;
  ice: { ufrag: string; password: string; lite: boolean } | undefined;
  fingerprints: Fingerprint[];
  setup: Setup | undefined;
  /** Every m-line, in order; an answer has to have as many. */
  lines: MediaLine[];
  /** Which of `lines` is the audio. */
  audioIndex: number;
}

export interface MediaLine {
  type: string;
  protocol: string;
  payloads: string;
  mid: string | undefined;
}

/** Larger than any SDP seen; bounds the work for one. */
const MAX_SDP_LENGTH = 65_536;
const MAX_MEDIA_LINES = 32;

const PROTOCOLS: Readonly<Record<LegKind, readonly string[]>> = {
  rtp: ['RTP/AVP', 'RTP/AVPF'],
  webrtc: ['UDP/TLS/RTP/SAVPF', 'UDP/TLS/RTP/SAVP', 'RTP/SAVPF'],
};

/** Static payload types (RFC 3551 table 4). */
const STATIC_CODECS: Readonly<Record<number, CodecName>> = { 0: 'PCMU', 8: 'PCMA' };

/** @throws MediaError `bad-sdp` */
export function parseRemote(text: string, kind: LegKind): RemoteAudio {
  const session = parseText(text);
  if (session.media.length === 0) throw bad('it has no m= line');
  if (session.media.length > MAX_MEDIA_LINES) throw bad('it has too many m= lines');
  const audioIndex = session.media.findIndex(
    (line) => line.type === 'audio' && isOpen(line) && PROTOCOLS[kind].includes(line.protocol),
  );
  const audio = session.media[audioIndex];
  if (!audio) throw bad(`it has no open audio line for ${PROTOCOLS[kind][0]}`);
  const remote: RemoteAudio = {
    rtp: kind === 'rtp' ? rtpAddress(session, audio) : undefined,
    rtcpMux: audio.rtcpMux !== undefined,
    ...directions(session, audio),
    formats: formatsOf(audio),
    events: eventsOf(audio),
    ptimeMs: clampPtime(Number(audio.ptime ?? 20)),
    ice: iceOf(session, audio),
    fingerprints: fingerprintsOf(session, audio),
    setup: (audio.setup ?? session.setup) as Setup | undefined,
    lines: session.media.map(lineOf),
    audioIndex,
  };
  if (kind === 'webrtc') checkWebrtc(remote);
  return remote;
}

function parseText(text: string): SessionDescription {
  if (text.length > MAX_SDP_LENGTH) throw bad('it is too long');
  if (!/^v=0\r?\n/.test(text)) throw bad('it does not start with v=0');
  try {
    return parse(text);
  } catch (cause) {
    throw new MediaError('bad-sdp', 'the SDP cannot be read', { cause });
  }
}

function checkWebrtc(remote: RemoteAudio): void {
  if (!remote.ice) throw bad('it has no ICE credentials');
  if (remote.ice.lite) throw bad('the peer is ICE-lite as well, so nobody would check');
  if (remote.fingerprints.length === 0) throw bad('it has no fingerprint');
  if (!remote.rtcpMux) throw bad('it has no rtcp-mux');
}

function bad(why: string): MediaError {
  return new MediaError('bad-sdp', `the SDP cannot be used: ${why}`);
}

/** Port 0 refuses a line, but not where it only waits to be bundled (RFC 9143 section 6). */
function isOpen(line: MediaDescription): boolean {
  return line.port !== 0 || line.bundleOnly !== undefined;
}

function lineOf(line: MediaDescription): MediaLine {
  const mid = line.mid === undefined ? undefined : String(line.mid);
  return { type: line.type, protocol: line.protocol, payloads: line.payloads ?? '', mid };
}

function rtpAddress(session: SessionDescription, audio: MediaDescription): RemoteAudio['rtp'] {
  const address = audio.connection?.ip ?? session.connection?.ip;
  if (address === undefined || !isIPv4(address)) throw bad('it has no IPv4 address in c=');
  if (!(audio.port > 0 && audio.port < 65_536)) throw bad('its port is none');
  if (address === '0.0.0.0') return undefined;
  // RFC 3605; the default is the next port (RFC 3550 section 11).
  const rtcpPort = audio.rtcp?.port ?? audio.port + 1;
  return { address, port: audio.port, rtcpPort: rtcpPort > 0 && rtcpPort < 65_536 ? rtcpPort : audio.port };
}

function directions(session: SessionDescription, audio: MediaDescription) {
  const direction = audio.direction ?? session.direction ?? 'sendrecv';
  const held = (audio.connection?.ip ?? session.connection?.ip) === '0.0.0.0' && audio.port !== 9;
  return {
    receives: !held && (direction === 'sendrecv' || direction === 'recvonly'),
    sends: direction === 'sendrecv' || direction === 'sendonly',
  };
}

function formatsOf(audio: MediaDescription): PayloadFormat[] {
  return payloadTypes(audio).flatMap((payloadType) => {
    const map = audio.rtp.find((entry) => entry.payload === payloadType);
    const codec = map ? codecOf(map) : STATIC_CODECS[payloadType];
    return codec ? [{ payloadType, codec }] : [];
  });
}

function codecOf(map: MediaDescription['rtp'][number]): CodecName | undefined {
  const name = encodingName(map);
  // RFC 7587 section 7: always opus/48000/2.
  if (name === 'opus') return map.rate === 48_000 ? 'opus' : undefined;
  if (map.rate !== 8000) return undefined;
  return name === 'pcma' ? 'PCMA' : name === 'pcmu' ? 'PCMU' : undefined;
}

/** sdp-transform makes a number of what looks like one. */
function encodingName(map: MediaDescription['rtp'][number]): string {
  return String(map.codec).toLowerCase();
}

function eventsOf(audio: MediaDescription): EventFormat[] {
  const known = payloadTypes(audio);
  return audio.rtp
    .filter((map) => encodingName(map) === 'telephone-event' && known.includes(map.payload))
    .filter((map) => map.rate === 8000 || map.rate === 48_000)
    .map((map) => ({ payloadType: map.payload, clockRate: map.rate! }));
}

function payloadTypes(audio: MediaDescription): number[] {
  return (
    String(audio.payloads ?? '')
      .split(' ')
      // `Number` alone reads 0 in a doubled space.
      .filter((text) => /^\d{1,3}$/.test(text))
      .map(Number)
      .filter((type) => type < 128)
  );
}

function clampPtime(ptime: number): number {
  return ptime >= 10 && ptime <= 60 ? Math.round(ptime / 10) * 10 : 20;
}

function iceOf(session: SessionDescription, audio: MediaDescription): RemoteAudio['ice'] {
  const ufrag = audio.iceUfrag ?? session.iceUfrag;
  const password = audio.icePwd ?? session.icePwd;
  if (ufrag === undefined || password === undefined) return undefined;
  return { ufrag: String(ufrag), password: String(password), lite: session.icelite !== undefined };
}

function fingerprintsOf(session: SessionDescription, audio: MediaDescription): Fingerprint[] {
  const found = audio.fingerprint ?? session.fingerprint;
  return found ? [{ algorithm: String(found.type), value: String(found.hash) }] : [];
}

/** What two descriptions have agreed on, seen from this side. */
export interface Agreement {
  codec: CodecName;
  /** Payload types of what we send: the peer's numbers (RFC 3264 section 5.1). */
  send: { payloadType: number; event: EventFormat | undefined };
  /** Payload types of what we receive: our numbers. */
  receive: { payloadType: number; event: EventFormat | undefined };
}

/**
 * Takes the first of the peer's formats that this leg has: the offerer's order is its preference (RFC 3264 section 6.1).
 * The answer takes over the offer's numbers.
 * @throws MediaError `no-common-codec`
 */
export function agreeOnOffer(remote: RemoteAudio, codecs: readonly CodecName[]): Agreement {
  const format = remote.formats.find((candidate) => codecs.includes(candidate.codec));
  if (!format) throw noCommon();
  const { codec } = format;
  const event = eventFor(codec, remote.events);
  const side = { payloadType: format.payloadType, event };
  return { codec, send: side, receive: side };
}

/**
 * What our own offer numbered its codecs with.
 * @throws MediaError `no-common-codec`
 */
export function agreeOnAnswer(remote: RemoteAudio, codecs: readonly CodecName[]): Agreement {
  const format = remote.formats.find((candidate) => codecs.includes(candidate.codec));
  if (!format) throw noCommon();
  const { codec } = format;
  const event = eventFor(codec, remote.events);
  const ours = event && offeredEvents(codecs).find((candidate) => candidate.clockRate === event.clockRate);
  return {
    codec,
    send: { payloadType: format.payloadType, event: ours && event },
    receive: { payloadType: OFFERED[codec].payloadType, event: ours },
  };
}

function noCommon(): MediaError {
  return new MediaError('no-common-codec', 'the SDP has none of the codecs of this leg');
}

/** The event format with the clock of the audio, as RFC 4733 section 2.1 wants it; any other is better than none. */
function eventFor(codec: CodecName, events: readonly EventFormat[]): EventFormat | undefined {
  return events.find((event) => event.clockRate === OFFERED[codec].clockRate) ?? events[0];
}

/** How our offers number and describe the codecs. */
export const OFFERED: Readonly<
  Record<CodecName, { payloadType: number; clockRate: number; rtpmap: string; channels?: number }>
> = {
  PCMU: { payloadType: 0, clockRate: 8000, rtpmap: 'PCMU' },
  PCMA: { payloadType: 8, clockRate: 8000, rtpmap: 'PCMA' },
  opus: { payloadType: 111, clockRate: 48_000, rtpmap: 'opus', channels: 2 },
};

export function offeredEvents(codecs: readonly CodecName[]): EventFormat[] {
  const events: EventFormat[] = [];
  if (codecs.includes('opus')) events.push({ payloadType: 110, clockRate: 48_000 });
  if (codecs.some((codec) => codec !== 'opus')) events.push({ payloadType: 101, clockRate: 8000 });
  return events;
}
