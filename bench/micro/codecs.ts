/**
 * What a voice packet costs: codecs, resampling, SRTP, jitter buffer; one core, µs per 20 ms frame, medians of rounds.
 *
 *     node bench/micro/codecs.ts
 */
import { cpus } from 'node:os';
import {
  type AudioCodec,
  createOpusCodec,
  G711Codec,
  JitterBuffer,
  Resampler,
  RtpPacket,
  type SampleRate,
  SrtpSession,
  ToneGenerator,
  writeRtpPacket,
} from '@ringthrough/rtp';

const ROUNDS = 15;

/** Median over rounds of the time of one call, after a warm-up. */
function measure(title: string, call: (i: number) => void, calls = 500): void {
  for (let i = 0; i < 2 * calls; i++) call(i);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call(i);
    times.push((1000 * (performance.now() - start)) / calls);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (ROUNDS - 1))]!.toFixed(2).padStart(8);
  console.log(`${title.padEnd(58)} ${at(0.5)}  (${at(0).trim()} … ${at(1).trim()})`);
}

/** Speech-like sound: harmonics that swell and fade four times a second, in frames of 20 ms. */
function speech(sampleRate: number, frames: number): Int16Array[] {
  const voice = new ToneGenerator({
    sampleRate,
    frequencies: [150, 300, 450, 900, 1350, 2100],
    levelDb: -24,
  });
  return Array.from({ length: frames }, (_, i) => {
    const pcm = new Int16Array(sampleRate / 50);
    voice.fill(pcm);
    const gain = Math.abs(Math.sin((Math.PI * i) / 12.5));
    return pcm.map((sample) => gain * sample);
  });
}

function measureCodec(title: string, codec: AudioCodec): void {
  const frames = speech(codec.sampleRate, 100);
  const out = new Uint8Array(1275);
  const payloads = frames.map((frame) => out.slice(0, codec.encode(frame, out)));
  const bytes = payloads.reduce((sum, payload) => sum + payload.length, 0) / payloads.length;
  const pcm = new Int16Array(0.12 * codec.sampleRate);
  measure(`${title}: encode (${bytes.toFixed(0)} bytes)`, (i) => codec.encode(frames[i % 100]!, out));
  measure(`${title}: decode`, (i) => codec.decode(payloads[i % 100]!, pcm));
  measure(`${title}: conceal`, () => codec.decode(undefined, pcm));
  codec.close();
}

function measureResampler(from: SampleRate, to: SampleRate): void {
  const resampler = new Resampler(from, to);
  const frames = speech(from, 100);
  const out = new Int16Array(to / 50);
  measure(`resample ${from} → ${to} Hz`, (i) => resampler.process(frames[i % 100]!, out));
}

function measureSrtp(title: string, payloadLength: number, withUnprotect: boolean): void {
  const key = (fill: number) => ({ key: new Uint8Array(16).fill(fill), salt: new Uint8Array(14).fill(fill) });
  const sender = new SrtpSession({ local: key(1), remote: key(2) });
  const receiver = new SrtpSession({ local: key(2), remote: key(1) });
  const payload = new Uint8Array(payloadLength).fill(7);
  const buffer = new Uint8Array(1500);
  const fields = { payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: 1, payload };
  const length = writeRtpPacket(buffer, fields);
  let sequence = 0;
  const call = () => {
    sequence = (sequence + 1) & 0xffff;
    buffer[2] = sequence >> 8;
    buffer[3] = sequence;
    const sealed = sender.protectRtp(buffer, length);
    if (withUnprotect) receiver.unprotectRtp(buffer, sealed);
  };
  measure(`${title}, ${payloadLength} bytes of payload`, call, 5000);
  if (receiver.refused.authentication > 0) throw new Error('SRTP refused its own packets');
}

function measureJitterBuffer(): void {
  const buffer = new JitterBuffer({ clockRate: 8000 });
  const bytes = new Uint8Array(172);
  const packet = new RtpPacket();
  let index = 0;
  measure(
    'RTP parse, jitter buffer push and pull',
    () => {
      const fields = { payloadType: 0, sequenceNumber: index & 0xffff, timestamp: 160 * index, ssrc: 1 };
      writeRtpPacket(bytes, { ...fields, payload: bytes.subarray(12) });
      packet.parse(bytes);
      buffer.push(packet, 20 * index);
      buffer.pull(20 * index + 5);
      index++;
    },
    5000,
  );
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}; µs per 20 ms frame: median (best … worst)`,
);
measureCodec('PCMA', new G711Codec('PCMA'));
for (const sampleRate of [8000, 16000, 48000] as const) {
  measureCodec(`Opus ${sampleRate / 1000} kHz, complexity 5`, await createOpusCodec({ sampleRate }));
}
measureCodec('Opus 8 kHz, complexity 1', await createOpusCodec({ sampleRate: 8000, complexity: 1 }));
measureCodec(
  'Opus 8 kHz, complexity 5, FEC',
  await createOpusCodec({ sampleRate: 8000, expectedLossPercent: 10 }),
);
measureCodec('Opus 8 kHz, complexity 9', await createOpusCodec({ sampleRate: 8000, complexity: 9 }));
measureResampler(8000, 48000);
measureResampler(48000, 8000);
measureResampler(8000, 16000);
for (const bytes of [60, 160]) {
  measureSrtp('SRTP protect', bytes, false);
  measureSrtp('SRTP protect and unprotect', bytes, true);
}
measureJitterBuffer();
