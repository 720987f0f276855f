/** An address and port of the peer. */
export interface Endpoint {
  address: string;
  port: number;
}

/** A source other than the signalled one is believed after this many packets of one stream. */
const STRANGER_PACKETS = 2;
/** A new source may take over when the old one has been silent for this long … */
const TAKEOVER_SILENCE_MS = 1000;
/** … and has sent this many packets of the same stream (its NAT binding has changed). */
const TAKEOVER_PACKETS = 3;
/** So long after the first packet, the signalled address still wins over one that was only observed. */
const SIGNALLED_WINS_MS = 5000;

/**
 * Symmetric RTP (RFC 4961) behind NATs: media goes back to where it comes from. Guarded, so that somebody who sprays
 * packets at our ports cannot take a stream over: once a source is accepted, others are ignored while it is alive.
 * Pure: no clock, no socket. Times in milliseconds.
 */
export class RtpLatch {
  #signalled: Endpoint | undefined;
  #locked: (Endpoint & { ssrc: number; heardAt: number; since: number; observed: boolean }) | undefined;
  #candidate: (Endpoint & { ssrc: number; packets: number }) | undefined;

  /** What SDP says. A changed address starts over; the same one again changes nothing. */
  setSignalled(endpoint: Endpoint | undefined): void {
    if (same(this.#signalled, endpoint)) return;
    this.#signalled = endpoint;
    this.#locked = undefined;
    this.#candidate = undefined;
  }

  /** Where to send: to the accepted source, before there is one to the signalled address. */
  get destination(): Endpoint | undefined {
    return this.#locked ?? this.#signalled;
  }

  /** Whether an RTP packet from there belongs to this leg. */
  accept(from: Endpoint, ssrc: number, now: number): boolean {
    const locked = this.#locked;
    if (locked && same(locked, from)) {
      locked.heardAt = now;
      locked.ssrc = ssrc;
      return true;
    }
    const signalled = same(this.#signalled, from);
    if (!locked)
      return (signalled || this.#count(from, ssrc) >= STRANGER_PACKETS) && this.#lock(from, ssrc, now);
    if (signalled && locked.observed && now - locked.since < SIGNALLED_WINS_MS)
      return this.#lock(from, ssrc, now);
    if (now - locked.heardAt < TAKEOVER_SILENCE_MS) return false;
    if (!signalled && ssrc !== locked.ssrc) return false;
    return this.#count(from, ssrc) >= TAKEOVER_PACKETS && this.#lock(from, ssrc, now);
  }

  #count(from: Endpoint, ssrc: number): number {
    const candidate = this.#candidate;
    if (candidate && same(candidate, from) && candidate.ssrc === ssrc) return ++candidate.packets;
    this.#candidate = { ...from, ssrc, packets: 1 };
    return 1;
  }

  #lock(from: Endpoint, ssrc: number, now: number): true {
    const observed = !same(this.#signalled, from);
    this.#locked = { address: from.address, port: from.port, ssrc, heardAt: now, since: now, observed };
    this.#candidate = undefined;
    return true;
  }
}

function same(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  return a?.port === b?.port && a?.address === b?.address;
}
