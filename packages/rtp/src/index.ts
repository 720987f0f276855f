export type { AudioCodec } from './codecs/audio-codec.ts';
export { decodeALaw, decodeMuLaw, encodeALaw, encodeMuLaw, G711Codec } from './codecs/g711.ts';
export { createOpusCodec, OpusCodec, type OpusOptions, opusDuration } from './codecs/opus.ts';
export { Resampler, type SampleRate } from './dsp/resampler.ts';
export { levelDb, ToneDetector, type ToneDetectorOptions, toneLevelDb } from './dsp/tone-detector.ts';
export { dtmfFrequencies, ToneGenerator, type ToneOptions } from './dsp/tone-generator.ts';
export { VoiceDetector } from './dsp/voice-detector.ts';
export { type DtmfEvent, dtmfCode, dtmfKey, parseDtmfEvent, writeDtmfEvent } from './dtmf/dtmf-event.ts';
export { type DtmfPress, DtmfReceiver, type DtmfReceiverOptions } from './dtmf/dtmf-receiver.ts';
export { type DtmfFrame, DtmfSender, type DtmfSenderOptions } from './dtmf/dtmf-sender.ts';
export { AudioPlayout, type AudioPlayoutOptions } from './jitter/audio-playout.ts';
export {
  type BufferedPacket,
  JitterBuffer,
  type JitterBufferOptions,
  type JitterBufferStats,
  type PlayoutFrame,
  type PushResult,
} from './jitter/jitter-buffer.ts';
export {
  isRtcp,
  type RtpFields,
  RtpPacket,
  sequenceDistance,
  timestampDistance,
  writeRtpHeader,
  writeRtpPacket,
} from './packet/rtp-packet.ts';
export { ReceiverStatistics, type ReceiverStatisticsOptions } from './rtcp/receiver-statistics.ts';
export {
  type Bye,
  type Feedback,
  isCompound,
  type OtherRtcp,
  parseRtcp,
  type ReceiverReport,
  type ReportBlock,
  type RtcpPacket,
  type SenderInfo,
  type SenderReport,
  type SourceDescription,
  type WritableRtcp,
  writeRtcp,
} from './rtcp/rtcp-packet.ts';
export {
  RtcpSession,
  type RtcpSessionOptions,
  type RtpQuality,
  reportIntervalMs,
} from './rtcp/rtcp-session.ts';
export type { SrtpMasterKey } from './srtp/key-derivation.ts';
export {
  SRTCP_OVERHEAD,
  SRTP_OVERHEAD,
  type SrtpCounters,
  type SrtpOptions,
  SrtpSession,
  srtpRefusal,
} from './srtp/srtp-session.ts';
export { readWav, recoverWav, WavWriter, type WavWriterOptions, writeWav } from './wav/wav-file.ts';
export { parseWav, type WavAudio, wavHeader, wavToMono } from './wav/wav-format.ts';
