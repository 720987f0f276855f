import { sequenceDistance, timestampDistance } from '../packet/rtp-packet.ts';
import { DelayEstimator } from './delay-estimator.ts';
import { type BufferedPacket, emptySlot, fillSlot, NOTHING, payloadOf, type Slot } from './packet-slot.ts';

export type { BufferedPacket } from './packet-slot.ts';

export interface JitterBufferOptions {
  /** Hz, of the RTP timestamp. */
  clockRate: number;
  /** What a `pull` that has no packet stands for; default 20. */
  frameMs?: number;
  /** Bounds of the adaptive delay; default 20 and 300. */
  minDelayMs?: number;
  maxDelayMs?: number;
  /** Packets; a power of two, default 128. */
  capacity?: number;
  /** Ticks in a payload; 0 when it cannot be told (then a frame). Default: always a frame. */
  duration?: (payload: Uint8Array) => number;
}

export type PushResult = 'queued' | 'late' | 'duplicate' | 'refused';

/** What to play next. One object for all calls of `pull`, valid until the next `pull` or `push`. */
export interface PlayoutFrame {
  /**
   * `packet`: decode `payload`. `lost`: its time has come and it is not there: conceal. `silence`: nothing is being
   * said (before the first packet, in the gaps of DTX, during DTMF events).
   */
  kind: 'packet' | 'lost' | 'silence';
  payload: Uint8Array;
  /** With `lost`: the packet after the lost one, when it is there and may carry redundancy. Else empty. */
  next: Uint8Array;
  /** Playout lags behind what the jitter asks for: `pull` again now and play both in the time of one. */
  shorten: boolean;
}

/** Counts of packets. */
export interface JitterBufferStats {
  received: number;
  played: number;
  /** Not there when their time came; those that came later are counted in `late` as well. */
  lost: number;
  late: number;
  duplicate: number;
  /** Thrown away unplayed, to catch up after a stall. */
  discarded: number;
  /** Sequence number that made no sense. */
  refused: number;
}

/** Concealed frames at the end of what is there, before it is taken for silence. */
const MAX_UNDERFLOW_FRAMES = 5;
/** Packets this far behind are not late but of another sequence (RFC 3550 appendix A.1). */
const MAX_MISORDER = 100;
/** Pulls with too much delay before it is shortened: a second. */
const PATIENCE = 50;

/**
 * Puts packets into order and gives each its time: in order by sequence number, paced by timestamp, held back by an
 * adaptive delay. Reads no clock: `now` is in milliseconds of any clock that only goes forward. Nothing is allocated
 * once payload sizes have been seen.
 */
export class JitterBuffer {
  readonly #slots: Slot[];
  readonly #options: Required<JitterBufferOptions>;
  readonly #frameTicks: number;
  #delays: DelayEstimator;
  readonly #frame: PlayoutFrame = { kind: 'silence', payload: NOTHING, next: NOTHING, shorten: false };
  #ssrc: number | undefined;
  #playing = false;
  /** Next to be played. Meaningful once `#ssrc` is set; may still go back before the first packet is played. */
  #nextSequence = 0;
  #nextTimestamp = 0;
  #highestSequence = 0;
  #played = false;
  #newest = { raw: 0, unwrapped: 0 };
  #strayNext = -1;
  /** Frames made up since the buffer ran dry, without moving on in the timestamps. */
  #underflow = 0;
  /** The sender said so: what follows is silence, not loss. */
  #quiet = false;
  #patience = 0;
  readonly stats: JitterBufferStats = {
    received: 0,
    played: 0,
    lost: 0,
    late: 0,
    duplicate: 0,
    discarded: 0,
    refused: 0,
  };

  constructor(options: JitterBufferOptions) {
    this.#options = {
      frameMs: 20,
      minDelayMs: 20,
      maxDelayMs: 300,
      capacity: 128,
      duration: () => 0,
      ...options,
    };
    const { capacity, clockRate, frameMs } = this.#options;
    if (capacity < 2 || (capacity & (capacity - 1)) !== 0)
      throw new RangeError('capacity must be a power of two');
    this.#frameTicks = (clockRate * frameMs) / 1000;
    this.#delays = new DelayEstimator(this.#options);
    this.#slots = Array.from({ length: capacity }, emptySlot);
  }

  /** The delay that the jitter asks for now. */
  get targetDelayMs(): number {
    return this.#delays.targetMs;
  }

  /**
   * Takes a copy of a packet. An empty payload stands for a packet of the stream that is no audio (a DTMF event):
   * it keeps its place and plays as silence. Another SSRC begins anew.
   */
  push(packet: BufferedPacket, now: number): PushResult {
    this.stats.received++;
    const { sequenceNumber } = packet;
    if (packet.ssrc !== this.#ssrc) this.#restart(packet);
    const distance = sequenceDistance(sequenceNumber, this.#nextSequence);
    if (distance >= this.#slots.length || distance < -MAX_MISORDER) {
      if (sequenceNumber !== this.#strayNext) {
        this.#strayNext = (sequenceNumber + 1) & 0xffff;
        this.stats.refused++;
        return 'refused';
      }
      // Two in a row: the sender began a new sequence, or much was lost.
      this.#restart(packet);
    }
    const slot = this.#slot(sequenceNumber);
    if (slot.state !== 'empty' && slot.sequenceNumber === sequenceNumber) {
      this.stats.duplicate++;
      return 'duplicate';
    }
    const timestamp = this.#unwrap(packet);
    // The packets of one DTMF event share one timestamp and say nothing of delay.
    if (packet.payload.length > 0) this.#delays.observe(timestamp, now);
    if (sequenceDistance(sequenceNumber, this.#nextSequence) < 0) {
      if (this.#played) {
        this.stats.late++;
        return 'late';
      }
      if (sequenceDistance(this.#highestSequence, sequenceNumber) >= this.#slots.length) return 'late';
      this.#nextSequence = sequenceNumber;
    }
    if (sequenceDistance(sequenceNumber, this.#highestSequence) > 0) this.#highestSequence = sequenceNumber;
    fillSlot(slot, packet, { timestamp, arrivedAt: now });
    return 'queued';
  }

  /** What to play now; called once per frame, or whenever the consumer has played what it had. */
  pull(now: number): PlayoutFrame {
    const frame = this.#frame;
    frame.payload = NOTHING;
    frame.next = NOTHING;
    frame.shorten = false;
    if (!this.#playing && !this.#start(now)) return this.#as('silence');
    this.#catchUp(now);
    for (;;) {
      const ahead = this.#firstQueued();
      if (!ahead) return this.#runDry();
      if (this.#isGap(ahead, now)) return this.#fillGap(ahead);
      this.#moveTo(ahead);
      if (ahead.length > 0) return this.#play(ahead, now);
      this.#quiet = true;
      this.#consume(ahead);
    }
  }

  #as(kind: PlayoutFrame['kind']): PlayoutFrame {
    this.#frame.kind = kind;
    return this.#frame;
  }

  #slot(sequenceNumber: number): Slot {
    return this.#slots[sequenceNumber & (this.#slots.length - 1)]!;
  }

  #restart(packet: BufferedPacket): void {
    for (const slot of this.#slots) slot.state = 'empty';
    if (packet.ssrc !== this.#ssrc) this.#delays = new DelayEstimator(this.#options);
    this.#ssrc = packet.ssrc;
    this.#nextSequence = packet.sequenceNumber;
    this.#highestSequence = packet.sequenceNumber;
    this.#newest = { raw: packet.timestamp, unwrapped: packet.timestamp };
    this.#strayNext = -1;
    this.#playing = false;
    this.#played = false;
    this.#underflow = 0;
  }

  #unwrap({ timestamp: raw, payload }: BufferedPacket): number {
    // Events may have a clock of their own (telephone-event/8000 next to Opus).
    if (payload.length === 0) return this.#newest.unwrapped;
    const unwrapped = this.#newest.unwrapped + timestampDistance(raw, this.#newest.raw);
    this.#newest.raw = raw;
    this.#newest.unwrapped = unwrapped;
    return unwrapped;
  }

  /** The packet with the lowest sequence number from the next one on. */
  #firstQueued(): Slot | undefined {
    const count = sequenceDistance(this.#highestSequence, this.#nextSequence);
    for (let i = 0; i <= count; i++) {
      const sequenceNumber = (this.#nextSequence + i) & 0xffff;
      const slot = this.#slot(sequenceNumber);
      if (slot.state === 'queued' && slot.sequenceNumber === sequenceNumber) return slot;
    }
    return undefined;
  }

  /** Begins, or goes on after silence, when the first packet has been held back for long enough. */
  #start(now: number): boolean {
    const first = this.#ssrc === undefined ? undefined : this.#firstQueued();
    if (!first || now < this.#dueAt(first)) return false;
    this.#playing = true;
    this.#underflow = 0;
    this.#patience = 0;
    this.#moveTo(first);
    this.#nextTimestamp = first.timestamp;
    return true;
  }

  #dueAt(slot: Slot): number {
    // Its arrival is the bound for a packet whose timestamp makes no sense any more.
    return Math.min(this.#delays.earliest(slot.timestamp), slot.arrivedAt) + this.#delays.targetMs;
  }

  /** After a stall: what is older than the longest delay allowed is not played any more. */
  #catchUp(now: number): void {
    const limit = this.#options.maxDelayMs + this.#options.frameMs;
    if (now - this.#delays.earliest(this.#nextTimestamp) <= limit) return;
    for (;;) {
      const first = this.#firstQueued();
      if (!first || now - this.#delays.earliest(first.timestamp) <= limit) return;
      this.#moveTo(first);
      this.#consume(first);
      this.stats.discarded++;
      this.#nextTimestamp = first.timestamp + this.#ticks(first);
      this.#underflow = 0;
    }
  }

  /** Whether there is time to fill before this packet: it was sent later than what was played last ends. */
  #isGap(ahead: Slot, now: number): boolean {
    if (this.#underflow > 0) {
      // What was made up while the buffer was dry stood for what was lost.
      if (ahead.sequenceNumber !== this.#nextSequence)
        this.#nextTimestamp += this.#underflow * this.#frameTicks;
      this.#underflow = 0;
    }
    if (ahead.timestamp - this.#nextTimestamp < this.#frameTicks / 2) return false;
    // With a frame or more of delay to spare, the gap is where it is saved without being heard.
    return now < this.#dueAt(ahead);
  }

  #fillGap(ahead: Slot): PlayoutFrame {
    this.#nextTimestamp += this.#frameTicks;
    // Nothing lost, or the sender marked the start of a talkspurt: silence, as RFC 3551 section 4.1 has it.
    if (this.#quiet || ahead.marker || ahead.sequenceNumber === this.#nextSequence)
      return this.#as('silence');
    const isLast = ahead.timestamp - this.#nextTimestamp < this.#frameTicks / 2;
    if (isLast) this.#frame.next = payloadOf(ahead);
    return this.#as('lost');
  }

  #runDry(): PlayoutFrame {
    this.#underflow++;
    if (!this.#quiet && this.#underflow <= MAX_UNDERFLOW_FRAMES) return this.#as('lost');
    this.#playing = false;
    return this.#as('silence');
  }

  #moveTo(slot: Slot): void {
    if (this.#played) this.stats.lost += sequenceDistance(slot.sequenceNumber, this.#nextSequence);
    this.#nextSequence = slot.sequenceNumber;
  }

  #consume(slot: Slot): void {
    slot.state = 'played';
    this.#played = true;
    this.#nextSequence = (slot.sequenceNumber + 1) & 0xffff;
    if (sequenceDistance(this.#highestSequence, slot.sequenceNumber) < 0)
      this.#highestSequence = slot.sequenceNumber;
  }

  #play(slot: Slot, now: number): PlayoutFrame {
    this.#consume(slot);
    this.stats.played++;
    this.#quiet = false;
    this.#nextTimestamp = slot.timestamp + this.#ticks(slot);
    const delay = now - this.#delays.earliest(slot.timestamp);
    const excess = delay - this.#delays.targetMs - 1.5 * this.#options.frameMs;
    this.#patience = excess > 0 ? this.#patience + 1 : 0;
    if (this.#patience > PATIENCE) {
      this.#patience = 0;
      this.#frame.shorten = true;
    }
    this.#frame.payload = payloadOf(slot);
    return this.#as('packet');
  }

  #ticks(slot: Slot): number {
    return this.#options.duration(payloadOf(slot)) || this.#frameTicks;
  }
}
