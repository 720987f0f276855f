import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { RtpPorts } from './rtp-ports.ts';

const host = '127.0.0.1';
let ports: RtpPorts | undefined;

async function isFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const bound = new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind(port, host, () => resolve(true));
  });
  const free = await bound;
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return free;
}

async function freeRange(count: number): Promise<number> {
  for (;;) {
    const min = 20_000 + 2 * Math.floor(Math.random() * 5000);
    const free = await Promise.all(Array.from({ length: count }, (_, n) => isFree(min + n)));
    if (free.every(Boolean)) return min;
  }
}

async function open(pairs: number): Promise<RtpPorts> {
  const min = await freeRange(2 * pairs);
  ports = new RtpPorts(host, { min, max: min + 2 * pairs - 1 });
  return ports;
}
afterEach(() => ports?.close());

describe('the port pairs', () => {
  it('are handed out once each, and again when they are given back', async () => {
    const few = await open(2);
    const [first, second] = [await few.take(), await few.take()];
    expect(first.port).not.toBe(second.port);
    expect(few.portsFree).toBe(0);
    await expect(few.take()).rejects.toMatchObject({ code: 'no-free-port' });
    await first.release();
    await first.release();
    expect(few.portsFree).toBe(2);
    const again = await few.take();
    expect(again.port).toBe(first.port);
    await Promise.all([again.release(), second.release()]);
    expect(few.portsFree).toBe(4);
  });

  it('rest after use while there are others', async () => {
    const some = await open(3);
    const used: number[] = [];
    for (let n = 0; n < 3; n++) {
      const pair = await some.take();
      used.push(pair.port);
      await pair.release();
    }
    expect(new Set(used).size).toBe(3);
  });

  it('bring nothing of the last leg to the next one', async () => {
    const one = await open(1);
    const first = await one.take();
    const heard: string[] = [];
    first.rtp.on('message', () => heard.push('first'));
    await first.release();
    const second = await one.take();
    const arrived = once(second.rtp, 'message');
    second.rtp.on('message', () => heard.push('second'));
    const sender = createSocket('udp4');
    sender.send('hello', second.port, host);
    await arrived;
    expect(heard).toEqual(['second']);
    sender.close();
    await second.release();
  });

  it('are free for others when the plane is closed', async () => {
    const one = await open(1);
    const pair = await one.take();
    const { port } = pair;
    await pair.release();
    await one.close();
    const other = createSocket('udp4');
    other.bind(port, host);
    await once(other, 'listening');
    other.close();
  });
});
