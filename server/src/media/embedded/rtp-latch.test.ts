import { describe, expect, it } from 'vitest';
import { type Endpoint, RtpLatch } from './rtp-latch.ts';

const signalled: Endpoint = { address: '192.0.2.1', port: 4000 };
const nat: Endpoint = { address: '198.51.100.7', port: 61_000 };
const attacker: Endpoint = { address: '203.0.113.9', port: 9 };

function latch(): RtpLatch {
  const made = new RtpLatch();
  made.setSignalled(signalled);
  return made;
}

describe('RtpLatch', () => {
  it('sends to the signalled address until packets come, and takes them from there at once', () => {
    const made = latch();
    expect(made.destination).toEqual(signalled);
    expect(made.accept(signalled, 1, 0)).toBe(true);
    expect(made.destination).toMatchObject(signalled);
  });

  it('follows a NAT: another source is believed with its second packet of one stream', () => {
    const made = latch();
    expect(made.accept(nat, 1, 0)).toBe(false);
    expect(made.accept(nat, 1, 20)).toBe(true);
    expect(made.destination).toMatchObject(nat);
  });

  it('is not taken over by sprayed packets, neither before nor after', () => {
    const made = latch();
    for (let i = 0; i < 50; i++)
      expect(made.accept({ address: '203.0.113.9', port: 1000 + i }, i, i)).toBe(false);
    made.accept(nat, 1, 100);
    made.accept(nat, 1, 120);
    for (let i = 0; i < 50; i++) expect(made.accept(attacker, 1, 120 + i)).toBe(false);
    expect(made.destination).toMatchObject(nat);
  });

  it('prefers the signalled address for five seconds when another source came first', () => {
    const early = latch();
    early.accept(attacker, 7, 0);
    early.accept(attacker, 7, 20);
    expect(early.accept(signalled, 1, 3000)).toBe(true);
    expect(early.destination).toMatchObject(signalled);
    const late = latch();
    late.accept(nat, 7, 0);
    for (let now = 20; now <= 6000; now += 20) late.accept(nat, 7, now);
    expect(late.accept(signalled, 1, 6010)).toBe(false);
  });

  it('follows the same stream to a new address once the old one is silent', () => {
    const made = latch();
    made.accept(signalled, 5, 0);
    const rebound = { ...nat, port: 62_000 };
    expect([500, 520, 540].map((now) => made.accept(rebound, 5, now))).toEqual([false, false, false]);
    expect([1500, 1520, 1540].map((now) => made.accept(attacker, 6, now))).toEqual([false, false, false]);
    expect([1600, 1620, 1640].map((now) => made.accept(rebound, 5, now))).toEqual([false, false, true]);
  });

  it('starts over when SDP names another address, and not when it repeats itself', () => {
    const made = latch();
    made.accept(nat, 1, 0);
    made.accept(nat, 1, 20);
    made.setSignalled({ ...signalled });
    expect(made.destination).toMatchObject(nat);
    made.setSignalled({ ...signalled, port: 4002 });
    expect(made.destination).toMatchObject({ ...signalled, port: 4002 });
  });
});
