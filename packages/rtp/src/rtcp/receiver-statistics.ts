import type { ReportBlock } from './rtcp-packet.ts';

/** RFC 3550 appendix A.1. */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const SEQUENCE_MODULUS = 0x10000;

export interface ReceiverStatisticsOptions {
  ssrc: number;
  /** Hz, of the RTP timestamp. */
  clockRate: number;
  /**
   * Packets in sequence before the source is believed (MIN_SEQUENTIAL); default 2. Give 0 where something else
   * vouches for the source, as SRTP does.
   */
  probation?: number;
}

/** What has been received from one source: RFC 3550 appendices A.1 (sequence), A.3 (loss), A.8 (jitter). */
export class ReceiverStatistics {
  readonly ssrc: number;
  readonly #clockRate: number;
  #started = false;
  #probation: number;
  #baseSequence = 0;
  #maxSequence = 0;
  #cycles = 0;
  #badSequence = -1;
  #received = 0;
  /** From before the sender last began a new sequence. */
  #earlier = { received: 0, lost: 0 };
  #expectedPrior = 0;
  #receivedPrior = 0;
  #transit: number | undefined;
  #lastTimestamp = 0;
  #jitter = 0;

  constructor(options: ReceiverStatisticsOptions) {
    this.ssrc = options.ssrc;
    this.#clockRate = options.clockRate;
    this.#probation = options.probation ?? 2;
  }

  /**
   * Takes note of a packet. `arrivedAt` in milliseconds, with fractions, of any clock that only goes forward.
   * @returns false while the source is on probation, and for a packet whose sequence number makes no sense
   */
  receive(sequenceNumber: number, timestamp: number, arrivedAt: number): boolean {
    if (!this.#started) {
      this.#started = true;
      this.#restart(sequenceNumber);
      // As if the one before had come, so that this one is the first in sequence.
      if (this.#probation > 0) this.#maxSequence = (sequenceNumber - 1) & 0xffff;
    }
    if (!this.#updateSequence(sequenceNumber)) return false;
    this.#updateJitter(timestamp, arrivedAt);
    return true;
  }

  #updateSequence(sequenceNumber: number): boolean {
    const ahead = (sequenceNumber - this.#maxSequence) & 0xffff;
    if (this.#probation > 0) return this.#updateProbation(sequenceNumber, ahead);
    if (ahead < MAX_DROPOUT) {
      if (sequenceNumber < this.#maxSequence) this.#cycles += SEQUENCE_MODULUS;
      this.#maxSequence = sequenceNumber;
    } else if (ahead <= SEQUENCE_MODULUS - MAX_MISORDER) {
      if (sequenceNumber !== this.#badSequence) {
        this.#badSequence = (sequenceNumber + 1) & 0xffff;
        return false;
      }
      // Two in a row: the sender started over.
      this.#restart(sequenceNumber);
    }
    this.#received++;
    return true;
  }

  #updateProbation(sequenceNumber: number, ahead: number): boolean {
    this.#maxSequence = sequenceNumber;
    if (ahead !== 1) {
      this.#probation = Math.max(1, this.#probation);
      return false;
    }
    if (--this.#probation > 0) return false;
    this.#restart(sequenceNumber);
    this.#received++;
    return true;
  }

  #restart(sequenceNumber: number): void {
    this.#earlier.received += this.#received;
    this.#earlier.lost += Math.max(0, this.#expected() - this.#received);
    this.#baseSequence = sequenceNumber;
    this.#maxSequence = sequenceNumber;
    this.#badSequence = -1;
    this.#cycles = 0;
    this.#received = 0;
    this.#expectedPrior = 0;
    this.#receivedPrior = 0;
    this.#transit = undefined;
  }

  #updateJitter(timestamp: number, arrivedAt: number): void {
    // The packets of one DTMF event share a timestamp; the time between them is no jitter.
    if (this.#transit !== undefined && timestamp === this.#lastTimestamp) return;
    this.#lastTimestamp = timestamp;
    // Arrival in timestamp units, modulo 2^32 as the timestamp is; kept as a float, which is finer than A.8's integers.
    const transit = (arrivedAt * this.#clockRate) / 1000 - timestamp;
    if (this.#transit !== undefined) {
      const difference = wrap32(transit - this.#transit);
      this.#jitter += (Math.abs(difference) - this.#jitter) / 16;
    }
    this.#transit = transit;
  }

  /** Since the beginning, whatever sequences the sender began. */
  get packetsReceived(): number {
    return this.#earlier.received + this.#received;
  }

  /** Appendix A.3; negative when there were more duplicates than losses. */
  get packetsLost(): number {
    return this.#earlier.lost + this.#expected() - this.#received;
  }

  get jitterMs(): number {
    return (1000 * this.#jitter) / this.#clockRate;
  }

  /** The loss fields of the next report; each call begins a new interval for `fractionLost`. */
  report(): Pick<ReportBlock, 'ssrc' | 'fractionLost' | 'packetsLost' | 'highestSequence' | 'jitter'> {
    const expected = this.#expected();
    const expectedNow = expected - this.#expectedPrior;
    const lostNow = expectedNow - (this.#received - this.#receivedPrior);
    this.#expectedPrior = expected;
    this.#receivedPrior = this.#received;
    return {
      ssrc: this.ssrc,
      fractionLost:
        expectedNow <= 0 || lostNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow)),
      packetsLost: Math.max(-0x800000, Math.min(0x7fffff, expected - this.#received)),
      highestSequence: (this.#cycles + this.#maxSequence) % 0x100000000,
      jitter: Math.floor(this.#jitter),
    };
  }

  #expected(): number {
    if (this.#received === 0) return 0;
    return this.#cycles + this.#maxSequence - this.#baseSequence + 1;
  }
}

/** Into −2^31 … 2^31, fractions kept. */
function wrap32(value: number): number {
  return value - Math.round(value / 0x100000000) * 0x100000000;
}
