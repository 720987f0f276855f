import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { SipStack } from '../ua/sip-stack.ts';
import { answerStun } from './stun.ts';

const from = { host: '192.0.2.1', port: 32_853 };
/** Transaction and addresses of the test vectors of RFC 5769. */
const transaction = 'b7e7a701bc34d686fa87dfae';
const request = (...attributes: string[]) => {
  const body = attributes.join('');
  const length = (body.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(`0001${length}2112a442${transaction}${body}`, 'hex');
};

const open: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

describe('STUN Binding on a SIP port, RFC 5626 section 3.5.2', () => {
  it('RFC 5769 2.2: the mapped IPv4 address', () => {
    const answer = answerStun(request(), from);
    expect(answer?.toString('hex')).toBe(`0101000c2112a442${transaction}002000080001a147e112a643`);
  });

  it('RFC 5769 2.3: the mapped IPv6 address', () => {
    const six = { host: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 };
    expect(answerStun(request(), six)?.subarray(20).toString('hex')).toBe(
      '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9',
    );
    const short = answerStun(request(), { host: '2001:db8::1', port: 1 })!;
    const address = [...short.subarray(28)].map((byte, index) => byte ^ request()[4 + index]!);
    expect(Buffer.from(address).toString('hex')).toBe('20010db8000000000000000000000001');
  });

  it('RFC 8489 6.3.1: 420 with what is not understood; credentials and optional attributes are passed over', () => {
    const answer = answerStun(request('0024000400000001', '00250000'), from)!.toString('hex');
    expect(answer.slice(0, 4)).toBe('0111');
    expect(answer.slice(40)).toBe('0009000400000414000a000400240025');
    expect(answerStun(request('0006000341414100', '8022000454455354'), from)?.readUInt16BE(0)).toBe(0x0101);
  });

  it.each([
    ['shorter than a header', request().subarray(0, 19)],
    ['another cookie', Buffer.from(`000100002112a443${transaction}`, 'hex')],
    ['a length that is not its own', Buffer.concat([request(), Buffer.alloc(4)])],
    ['an attribute that ends beyond', request('002400ff00000001')],
    ['half an attribute header', request('0024')],
    ['an indication', Buffer.from(`001100002112a442${transaction}`, 'hex')],
    ['a response', Buffer.from(`010100002112a442${transaction}`, 'hex')],
  ])('no answer to %s', (_what, bytes) => {
    expect(answerStun(bytes, from)).toBeUndefined();
  });

  it('over a real socket, and no answer to other keep-alives', async () => {
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port: 0 }];
    const stack = new SipStack({ userAgent: 'stun', listeners });
    await stack.start();
    open.push(() => stack.close());
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    open.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    await once(socket, 'listening');
    const { port } = stack.addresses[0]!;
    for (const bytes of [Buffer.alloc(4), Buffer.from('\r\n\r\n'), request()]) socket.send(bytes, port);
    const [answer] = (await once(socket, 'message')) as [Buffer];
    expect(answer.readUInt16BE(26) ^ 0x2112).toBe(socket.address().port);
    expect(stack.counters.garbage + stack.counters.malformed).toBe(0);
  });
});
