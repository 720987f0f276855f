import { maxPduLength } from './pdu.ts';

const headLength = 16;

/** Cuts a stream of octets into PDUs by their command_length. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;

  /**
   * @returns the PDUs that are complete now
   * @throws RangeError when a length is impossible: the stream cannot be read on
   */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < 4) return [];
    let buffer = this.#chunks.length === 1 ? Buffer.from(chunk) : Buffer.concat(this.#chunks);
    const frames: Uint8Array[] = [];
    while (buffer.length >= 4) {
      const length = buffer.readUInt32BE(0);
      if (length < headLength || length > maxPduLength)
        throw new RangeError(`a PDU cannot be ${length} octets long`);
      if (buffer.length < length) break;
      frames.push(buffer.subarray(0, length));
      buffer = buffer.subarray(length);
    }
    this.#chunks = buffer.length > 0 ? [buffer] : [];
    this.#length = buffer.length;
    return frames;
  }
}
