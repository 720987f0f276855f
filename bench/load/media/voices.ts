import { createOpusCodec, G711Codec, ToneGenerator } from '@ringthrough/rtp';

/** Each direction of a call carries one of these, so that a mix-up is heard. */
export const MARKERS = [400, 600, 900, 1300, 1900, 2600];

const FRAMES = 50;

/** One second of sound as payloads of 20 ms that can be sent round and round. */
export interface Voice {
  /** The tone most of its power is in, Hz. */
  marker: number;
  payloads: Uint8Array[];
}

/** The marker above speech-like sound: harmonics that swell and fade four times a second. */
function frames(marker: number): Int16Array[] {
  const tone = new ToneGenerator({ sampleRate: 8000, frequencies: [marker], levelDb: -14 });
  const harmonics = [150, 300, 450, 1050, 1500, 2250];
  const speech = new ToneGenerator({ sampleRate: 8000, frequencies: harmonics, levelDb: -32 });
  const [pcm, voice] = [new Int16Array(160), new Int16Array(160)];
  return Array.from({ length: FRAMES }, (_, i) => {
    tone.fill(pcm);
    speech.fill(voice);
    const gain = Math.abs(Math.sin((Math.PI * i) / 12.5));
    return pcm.map((sample, at) => sample + gain * voice[at]!);
  });
}

export async function makeVoices(name: 'PCMU' | 'opus'): Promise<Voice[]> {
  const voices: Voice[] = [];
  for (const marker of MARKERS) {
    const codec = name === 'opus' ? await createOpusCodec({ sampleRate: 8000 }) : new G711Codec('PCMU');
    const pcm = frames(marker);
    const out = new Uint8Array(1275);
    // Twice round: the second time the encoder knows the end that the beginning follows.
    const encoded = [...pcm, ...pcm].map((frame) => out.slice(0, codec.encode(frame, out)));
    voices.push({ marker, payloads: encoded.slice(FRAMES) });
    codec.close();
  }
  return voices;
}
