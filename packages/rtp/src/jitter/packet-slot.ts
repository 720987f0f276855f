/** What the buffer needs of a packet; `RtpPacket` has it. */
export interface BufferedPacket {
  ssrc: number;
  sequenceNumber: number;
  timestamp: number;
  marker: boolean;
  payload: Uint8Array;
}

export const NOTHING: Uint8Array = new Uint8Array(0);

/** A place in the ring of the jitter buffer; its bytes are kept from packet to packet. */
export interface Slot {
  state: 'empty' | 'queued' | 'played';
  sequenceNumber: number;
  /** Unwrapped. */
  timestamp: number;
  arrivedAt: number;
  marker: boolean;
  bytes: Uint8Array;
  length: number;
}

export function emptySlot(): Slot {
  return {
    state: 'empty',
    sequenceNumber: 0,
    timestamp: 0,
    arrivedAt: 0,
    marker: false,
    bytes: NOTHING,
    length: 0,
  };
}

/** A view, not a copy. */
export function payloadOf(slot: Slot): Uint8Array {
  return slot.bytes.subarray(0, slot.length);
}

/** Copies a packet into a slot. */
export function fillSlot(
  slot: Slot,
  packet: BufferedPacket,
  times: { timestamp: number; arrivedAt: number },
): void {
  const { payload } = packet;
  if (slot.bytes.length < payload.length) slot.bytes = new Uint8Array(Math.max(256, payload.length));
  slot.bytes.set(payload);
  slot.length = payload.length;
  slot.state = 'queued';
  slot.sequenceNumber = packet.sequenceNumber;
  slot.timestamp = times.timestamp;
  slot.arrivedAt = times.arrivedAt;
  slot.marker = packet.marker;
}
