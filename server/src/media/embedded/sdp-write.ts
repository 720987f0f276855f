import type { Fingerprint } from '@ringthrough/ice';
import { type MediaDescription, type SessionDescription, write } from 'sdp-transform';
import type { CodecName, LegKind } from '../media-plane.ts';
import {
  type Agreement,
  type EventFormat,
  type MediaLine,
  OFFERED,
  offeredEvents,
  type RemoteAudio,
} from './sdp.ts';

/** What a description tells of this side. */
export interface LocalAudio {
  kind: LegKind;
  /** In order of preference; the first is the `c=` line. */
  addresses: readonly string[];
  port: number;
  /** Constant for the leg; `version` grows with each description (RFC 3264 section 8). */
  sessionId: number;
  version: number;
  ssrc: number;
  cname: string;
  ice: { ufrag: string; password: string; fingerprint: Fingerprint } | undefined;
  setup: 'actpass' | 'active' | 'passive';
}

interface Format {
  payloadType: number;
  codec: CodecName;
}

/** @param lines of an earlier round, which keep their places (RFC 3264 section 8.1); undefined for the first offer */
export function writeOffer(
  local: LocalAudio,
  codecs: readonly CodecName[],
  earlier: { lines: readonly MediaLine[]; audioIndex: number } | undefined,
): string {
  const formats = codecs.map((codec) => ({ codec, payloadType: OFFERED[codec].payloadType }));
  const mid = local.kind === 'webrtc' ? '0' : undefined;
  const lines = earlier?.lines ?? [{ type: 'audio', protocol: PROTOCOL[local.kind], payloads: '', mid }];
  const audio = {
    formats,
    events: offeredEvents(codecs),
    direction: 'sendrecv',
    rtcpMux: local.kind === 'webrtc',
  };
  return writeSession(local, { lines, audioIndex: earlier?.audioIndex ?? 0, audio });
}

export function writeAnswer(local: LocalAudio, remote: RemoteAudio, agreement: Agreement): string {
  const { codec, receive } = agreement;
  const audio = {
    formats: [{ codec, payloadType: receive.payloadType }],
    events: receive.event ? [receive.event] : [],
    direction: answerDirection(remote),
    rtcpMux: remote.rtcpMux,
  };
  return writeSession(local, { lines: remote.lines, audioIndex: remote.audioIndex, audio });
}

const PROTOCOL: Readonly<Record<LegKind, string>> = { rtp: 'RTP/AVP', webrtc: 'UDP/TLS/RTP/SAVPF' };

interface AudioLine {
  formats: readonly Format[];
  events: readonly EventFormat[];
  direction: string;
  rtcpMux: boolean;
}

interface Content {
  lines: readonly MediaLine[];
  audioIndex: number;
  audio: AudioLine;
}

/** RFC 3264 section 6.1. On hold the old way the peer may still send. */
function answerDirection(remote: RemoteAudio): string {
  if (remote.receives) return remote.sends ? 'sendrecv' : 'sendonly';
  return remote.sends ? 'recvonly' : 'inactive';
}

function writeSession(local: LocalAudio, { lines, audioIndex, audio }: Content): string {
  const [address = '0.0.0.0'] = local.addresses;
  const session: SessionDescription = {
    version: 0,
    origin: {
      username: '-',
      sessionId: local.sessionId,
      sessionVersion: local.version,
      netType: 'IN',
      ipVer: 4,
      address,
    },
    name: '-',
    timing: { start: 0, stop: 0 },
    connection: { version: 4, ip: address },
    media: lines.map((line, i) => (i === audioIndex ? audioLine(local, line, audio) : rejectedLine(line))),
  };
  if (local.ice) {
    session.icelite = 'ice-lite';
    const mid = lines[audioIndex]?.mid;
    if (mid !== undefined) session.groups = [{ type: 'BUNDLE', mids: mid }];
  }
  return write(session);
}

/** RFC 3264 section 6: a line that is not wanted stays, with port 0. */
function rejectedLine(line: MediaLine): Line {
  const rejected: Line = {
    type: line.type,
    port: 0,
    protocol: line.protocol,
    payloads: line.payloads,
    rtp: [],
    fmtp: [],
  };
  if (line.mid !== undefined) rejected.mid = line.mid;
  return rejected;
}

type Line = SessionDescription['media'][number];

function audioLine(local: LocalAudio, line: MediaLine, audio: AudioLine): Line {
  const payloads = [...audio.formats, ...audio.events].map((format) => format.payloadType).join(' ');
  const description: Line = {
    type: 'audio',
    port: local.port,
    protocol: line.protocol,
    payloads,
    rtp: [...audio.formats.map(rtpmapOf), ...audio.events.map(eventMapOf)],
    fmtp: [
      ...audio.formats.filter(({ codec }) => codec === 'opus').map(opusParameters),
      // Keys 0–9 * # A–D (RFC 4733 section 2.4.1).
      ...audio.events.map(({ payloadType }) => ({ payload: payloadType, config: '0-15' })),
    ],
    ptime: 20,
    direction: audio.direction as NonNullable<MediaDescription['direction']>,
  };
  if (line.mid !== undefined) description.mid = line.mid;
  if (audio.rtcpMux) description.rtcpMux = 'rtcp-mux';
  if (local.ice) addWebrtc(description, local, local.ice);
  return description;
}

function addWebrtc(description: Line, local: LocalAudio, ice: NonNullable<LocalAudio['ice']>): void {
  description.iceUfrag = ice.ufrag;
  description.icePwd = ice.password;
  description.fingerprint = { type: ice.fingerprint.algorithm, hash: ice.fingerprint.value };
  description.setup = local.setup;
  description.candidates = local.addresses.map((ip, i) => ({
    foundation: String(i + 1),
    component: 1,
    transport: 'udp',
    // RFC 8445 section 5.1.2.1: host candidates, the first address preferred.
    priority: 126 * 2 ** 24 + (65_535 - i) * 256 + 255,
    ip,
    port: local.port,
    type: 'host',
  }));
  description.endOfCandidates = 'end-of-candidates';
  description.msid = [{ id: 'ringthrough', appdata: 'audio' }];
  description.ssrcs = [{ id: local.ssrc, attribute: 'cname', value: local.cname }];
}

function rtpmapOf({ codec, payloadType }: Format): MediaDescription['rtp'][number] {
  const { rtpmap, clockRate, channels } = OFFERED[codec];
  const map = { payload: payloadType, codec: rtpmap, rate: clockRate };
  return channels === undefined ? map : { ...map, encoding: channels };
}

function eventMapOf({ payloadType, clockRate }: EventFormat): MediaDescription['rtp'][number] {
  return { payload: payloadType, codec: 'telephone-event', rate: clockRate };
}

/** We send mono and wish for in-band error correction (RFC 7587 section 6.1). */
function opusParameters({ payloadType }: Format) {
  return { payload: payloadType, config: 'minptime=10;useinbandfec=1' };
}
