import { expect, it } from 'vitest';
import { MemoryNetwork, seededRandom, VirtualClock } from './index.ts';

it('runs timeouts in order of time and lets promises settle between them', async () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.setTimeout(() => seen.push(`c${clock.now()}`), 30);
  clock.setTimeout(() => void Promise.resolve().then(() => seen.push(`a${clock.now()}`)), 10);
  const cancelled = clock.setTimeout(() => seen.push('never'), 15);
  clock.setTimeout(() => clock.setTimeout(() => seen.push(`b${clock.now()}`), 5), 10);
  clock.clearTimeout(cancelled);
  await clock.advance(29);
  expect(seen).toEqual(['a10', 'b15']);
  expect(clock.now()).toBe(29);
  expect(await clock.until(() => seen.length === 3)).toBe(true);
  expect(clock.now()).toBe(30);
  expect(clock.pending).toBe(0);
  expect(await clock.until(() => false)).toBe(false);
});

it('loses, doubles and reorders datagrams, the same for the same seed', async () => {
  const course = async (seed: number) => {
    const clock = new VirtualClock(0);
    const network = new MemoryNetwork({
      clock,
      seed,
      conditions: { loss: 0.3, duplicate: 0.3, delayMs: [1, 50] },
    });
    const seen: number[] = [];
    const at = { host: '10.0.0.2', port: 5060 };
    await network.host('10.0.0.2').bindUdp(at, { message: (bytes) => seen.push(bytes[0]!), error() {} });
    const sender = await network
      .host('10.0.0.1')
      .bindUdp({ host: '10.0.0.1', port: 0 }, { message() {}, error() {} });
    for (let n = 0; n < 60; n++) sender.send(Uint8Array.of(n), at, () => {});
    await clock.advance(100);
    return seen;
  };
  const first = await course(7);
  expect(await course(7)).toEqual(first);
  expect(await course(8)).not.toEqual(first);
  expect(new Set(first).size).toBeLessThan(60);
  expect(first.length).toBeGreaterThan(new Set(first).size);
  expect(first).not.toEqual([...first].sort((a, b) => a - b));
});

it('carries streams in order, refuses where nobody listens, and holds them while cut', async () => {
  const clock = new VirtualClock(0);
  const network = new MemoryNetwork({ clock, conditions: { delayMs: [1, 30] } });
  let received = '';
  let ends = 0;
  await network.host('10.0.0.2').listenTcp({ host: '10.0.0.2', port: 5060 }, (socket) => {
    socket.handle({
      open() {},
      data: (bytes) => (received += Buffer.from(bytes).toString()),
      close: () => ends++,
    });
  });
  const host = network.host('10.0.0.1');
  const socket = host.connectTcp({ host: '10.0.0.2', port: 5060 });
  socket.handle({ open() {}, data() {}, close: () => ends++ });
  for (let n = 0; n < 20; n++) socket.write(Buffer.from(`word${n} `));
  await clock.advance(1_000);
  const text = Array.from({ length: 20 }, (_, n) => `word${n} `).join('');
  expect(received).toBe(text);
  network.cut('10.0.0.2');
  socket.write(Buffer.from('late'));
  await clock.advance(1_000);
  expect(received).toBe(text);
  network.mend('10.0.0.2');
  await clock.advance(1_000);
  expect(received).toBe(`${text}late`);
  socket.destroy();
  await clock.advance(1_000);
  expect(ends).toBe(2);
  let refused = '';
  host
    .connectTcp({ host: '10.0.0.2', port: 9 })
    .handle({ open() {}, data() {}, close: (error) => (refused = String(error)) });
  await clock.advance(1_000);
  expect(refused).toContain('ECONNREFUSED');
  expect(clock.pending).toBe(0);
});

it('seeds evenly', () => {
  const random = seededRandom(3);
  const mean = Array.from({ length: 10_000 }, random).reduce((sum, value) => sum + value, 0) / 10_000;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
});
