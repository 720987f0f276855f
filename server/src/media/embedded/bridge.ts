import { type AudioCodec, AudioPlayout, type RtpPacket } from '@ringthrough/rtp';
import type { Leg } from './leg.ts';
import type { PacketSink } from './packet-sink.ts';
import { asSilence } from './recorder.ts';
import { RelaySink } from './relay-sink.ts';
import type { Scheduler, Ticker } from './scheduler.ts';

/** Next to G.711 nothing above 4 kHz passes; Opus at 8 kHz costs half of Opus at 48. */
const BRIDGE_RATE = 8000;

/** Two legs joined both ways. It follows them when a re-offer changes a codec. */
export class Bridge {
  readonly a: Leg;
  readonly b: Leg;
  readonly #scheduler: Scheduler;
  #transcoders: Transcoder[] = [];
  #ended = false;

  constructor(a: Leg, b: Leg, scheduler: Scheduler) {
    this.a = a;
    this.b = b;
    this.#scheduler = scheduler;
  }

  /** Chooses relay or transcoding anew by the codecs the legs have now. */
  async refresh(): Promise<void> {
    if (this.a.codecName === this.b.codecName) {
      this.#replace([]);
      this.a.sink = new RelaySink(this.a, this.b);
      this.b.sink = new RelaySink(this.b, this.a);
      return;
    }
    const [a, b] = await Promise.all([this.a.takeCodec(BRIDGE_RATE), this.b.takeCodec(BRIDGE_RATE)]);
    // While the codecs were made, the bridge may have ended or a leg have changed again.
    if (this.#ended || a.name !== this.a.codecName || b.name !== this.b.codecName) return;
    const forth = new Transcoder({ from: this.a, decoder: a, to: this.b, encoder: b });
    const back = new Transcoder({ from: this.b, decoder: b, to: this.a, encoder: a });
    this.#replace([forth, back]);
    this.a.sink = forth;
    this.b.sink = back;
  }

  end(): void {
    this.#ended = true;
    this.#replace([]);
    for (const leg of [this.a, this.b]) {
      leg.sink = undefined;
      leg.bridge = undefined;
    }
  }

  #replace(transcoders: Transcoder[]): void {
    for (const transcoder of this.#transcoders) this.#scheduler.remove(transcoder);
    this.#transcoders = transcoders;
    for (const transcoder of transcoders) this.#scheduler.add(transcoder);
  }
}

const MAX_PAYLOAD = 1500;

/** One direction between legs of different codecs: jitter buffer, decode, encode, at every tick. */
class Transcoder implements PacketSink, Ticker {
  readonly #from: Leg;
  readonly #to: Leg;
  readonly #encoder: AudioCodec;
  readonly #playout: AudioPlayout;
  readonly #pcm = new Int16Array(BRIDGE_RATE / 50);
  readonly #payload = new Uint8Array(MAX_PAYLOAD);
  #started = false;

  constructor(options: { from: Leg; decoder: AudioCodec; to: Leg; encoder: AudioCodec }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#encoder = options.encoder;
    this.#playout = new AudioPlayout({ codec: options.decoder });
  }

  onPacket(packet: RtpPacket, kind: 'audio' | 'event', now: number): void {
    this.#started = true;
    this.#playout.push(kind === 'audio' ? packet : asSilence(packet), now);
    const clockRate = this.#from.eventClockRate;
    if (kind === 'event' && clockRate) this.#to.sender?.translateEvent(packet, clockRate, now);
  }

  failed(): void {
    this.#from.onFailed();
    this.#to.onFailed();
  }

  tick(now: number): void {
    // Until one side is heard, nothing is made up for it.
    if (!this.#started) return;
    this.#playout.read(this.#pcm, now);
    const length = this.#encoder.encode(this.#pcm, this.#payload);
    this.#to.sender?.sendFrame(this.#payload.subarray(0, length), this.#encoder.clockRate / 50, now);
  }
}
