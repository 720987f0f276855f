import type { RemoteInfo } from 'node:dgram';
import { writeRtpPacket } from '@ringthrough/rtp';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RtpPorts } from './rtp-ports.ts';
import { RtpTransport } from './rtp-transport.ts';

const heard = { rtp: 0, rtcp: 0 };
let pair: Awaited<ReturnType<RtpPorts['take']>>;
let transport: RtpTransport;

const from = (port: number): RemoteInfo => ({ address: '127.0.0.1', family: 'IPv4', port, size: 0 });

function packet(sequence: number): Buffer {
  const bytes = Buffer.alloc(12 + 160);
  const payload = new Uint8Array(160);
  writeRtpPacket(bytes, {
    payloadType: 0,
    sequenceNumber: sequence,
    timestamp: 160 * sequence,
    ssrc: 7,
    marker: false,
    payload,
  });
  return bytes;
}

/** An empty receiver report (RFC 3550 section 6.4.2). */
const report = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 7]);

beforeEach(async () => {
  Object.assign(heard, { rtp: 0, rtcp: 0 });
  pair = await new RtpPorts('127.0.0.1', { min: 0, max: 0 }).take();
  const handlers = { onRtp: () => heard.rtp++, onRtcp: () => heard.rtcp++, onFailed: () => undefined };
  transport = new RtpTransport(pair, handlers, () => 0);
});

afterEach(async () => {
  await transport.close();
});

it('never takes port 0 for the peer: what came from there cannot be answered', () => {
  for (let sequence = 1; sequence <= 3; sequence++) pair.rtp.emit('message', packet(sequence), from(0));
  expect(transport.ready).toBe(false);
  for (let sequence = 1; sequence <= 3; sequence++) pair.rtp.emit('message', packet(sequence), from(4000));
  expect(transport.ready).toBe(true);
  pair.rtcp.emit('message', report, from(0));
  expect(heard.rtcp).toBe(0);
  expect(() => transport.sendRtcp(report)).not.toThrow();
  expect(() => transport.sendRtp(packet(9), 172)).not.toThrow();
});
