/** All sound inside the lab: 8 kHz, 16 bit, one channel, in frames of 20 ms. */
export const sampleRate = 8000;
export const frameMs = 20;
export const frameSamples = (sampleRate * frameMs) / 1000;

/** Little-endian bytes to samples; an odd last byte is left out. Copies, so any alignment will do. */
export function samplesOf(bytes: Uint8Array): Int16Array {
  const pcm = new Int16Array(bytes.length >> 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < pcm.length; index += 1) pcm[index] = view.getInt16(index * 2, true);
  return pcm;
}

/** Samples to little-endian bytes. */
export function bytesOf(pcm: Int16Array): Uint8Array {
  const bytes = new Uint8Array(pcm.length * 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < pcm.length; index += 1) view.setInt16(index * 2, pcm[index] ?? 0, true);
  return bytes;
}
