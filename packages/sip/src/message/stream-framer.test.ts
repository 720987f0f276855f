import { describe, expect, it } from 'vitest';
import { StreamFramer, type StreamItem } from './stream-framer.ts';

const bytes = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
const ack = (length: number, body = 'x'.repeat(length)) => `ACK sip:a SIP/2.0\nl: ${length}\n\n${body}`;

function outline(items: StreamItem[]): Array<string | number> {
  return items.map((item) => {
    if ('keepAlive' in item) return item.keepAlive;
    return 'message' in item ? item.message.body.length : `${item.error.code}${item.fatal ? '!' : ''}`;
  });
}

describe('StreamFramer', () => {
  it('cuts at Content-Length, wherever the stream is cut', () => {
    const stream = bytes(ack(3) + ack(0) + ack(5, 'A sip'));
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = new StreamFramer();
      const items = [...framer.push(stream.subarray(0, cut)), ...framer.push(stream.subarray(cut))];
      expect(outline(items), `cut at ${cut}`).toEqual([3, 0, 5]);
      expect(framer.bufferedBytes).toBe(0);
    }
  });

  it('gives bodies that later bytes do not change', () => {
    const framer = new StreamFramer();
    const chunk = bytes(ack(2, 'ab'));
    const [item] = framer.push(chunk);
    chunk.fill(0);
    framer.push(bytes(ack(2, 'cd')));
    expect(item !== undefined && 'message' in item && Buffer.from(item.message.body).toString()).toBe('ab');
  });

  it('tells keep-alives apart (RFC 5626 3.5.1)', () => {
    const framer = new StreamFramer();
    expect(outline(framer.push(bytes('\n\n')))).toEqual(['ping']);
    expect(outline(framer.push(bytes('\n')))).toEqual(['pong']);
    expect(outline(framer.push(bytes(ack(0))))).toEqual([0]);
    expect(outline(framer.push(bytes(`\n\n${ack(1)}\n\n`)))).toEqual(['ping', 1, 'ping']);
    // A single empty line before a message has no meaning (RFC 3261 7.5).
    expect(outline(framer.push(bytes(`\n${ack(1)}`)))).toEqual([1]);
    // A ping that arrives in halves.
    expect(outline(framer.push(Buffer.from('\r')))).toEqual([]);
    expect(outline(framer.push(Buffer.from('\n\r')))).toEqual([]);
    expect(outline(framer.push(Buffer.from('\n')))).toEqual(['ping']);
  });

  it('goes on after a bad message whose end is known', () => {
    const framer = new StreamFramer();
    const items = framer.push(bytes(`ACK sip:a SIP/2.0\nno colon\nVia: v\nl: 2\n\nab${ack(1)}`));
    expect(outline(items)).toEqual(['bad-header-line', 1]);
    expect(items[0]).toMatchObject({ error: { status: 400 }, partial: { method: 'ACK' } });
    expect(framer.failed).toBe(false);
  });

  it.each([
    ['ACK sip:a SIP/2.0\nTo: a\n\n', 'no-content-length!'],
    ['ACK sip:a SIP/9.0\nTo: a\n\n', 'bad-version!'],
    ['ACK sip:a SIP/2.0\nl: x\n\n', 'bad-content-length!'],
    ['ACK sip:a SIP/2.0\nl: 1\nl: 2\n\n', 'bad-content-length!'],
    ['ACK sip:a SIP/2.0\nl: 65530\n\n', 'message-too-large!'],
    ['ACK sip:a SIP/2.0\nl: 99999999999999999999999\n\n', 'message-too-large!'],
  ])('gives up at %j, and drops the rest', (text, expected) => {
    const framer = new StreamFramer();
    expect(outline(framer.push(bytes(text + ack(0))))).toEqual([expected]);
    expect(framer.failed).toBe(true);
    expect(framer.bufferedBytes).toBe(0);
    expect(framer.push(bytes(ack(0)))).toEqual([]);
  });

  it('does not answer responses', () => {
    const [item] = new StreamFramer().push(bytes('SIP/2.0 200 OK\n\n'));
    expect(item).toEqual({
      error: { code: 'no-content-length', text: expect.any(String) },
      partial: expect.anything(),
      fatal: true,
    });
  });

  it('gives up at a bare line feed at once', () => {
    expect(outline(new StreamFramer().push(Buffer.from('GET / HTTP/1.1\n')))).toEqual(['bad-line-end!']);
  });
});

describe('limits before buffering', () => {
  const tenMegabytes = 10 * 1024 * 1024;
  const start = 'INVITE sip:a SIP/2.0\nVia: v\n';

  function feed(text: string, chunkBytes: number): { codes: Array<string | number>; mostBuffered: number } {
    const framer = new StreamFramer();
    const codes: Array<string | number> = [];
    let mostBuffered = 0;
    const stream = bytes(text);
    for (let at = 0; at < stream.length && !framer.failed; at += chunkBytes) {
      codes.push(...outline(framer.push(stream.subarray(at, at + chunkBytes))));
      mostBuffered = Math.max(mostBuffered, framer.bufferedBytes);
    }
    return { codes, mostBuffered };
  }

  it.each([
    ['one endless header line', `${start}X: ${'x'.repeat(tenMegabytes)}`, 'header-line-too-long!'],
    ['an endless start line', 'x'.repeat(tenMegabytes), 'header-line-too-long!'],
    ['endless header lines', start + 'X: y\n'.repeat(tenMegabytes / 6), 'too-many-headers!'],
    ['endless long header lines', start + `X: ${'y'.repeat(1000)}\n`.repeat(10_000), 'header-too-large!'],
    ['an endless folded header', `${start}X: y\n${' y\n'.repeat(tenMegabytes / 4)}`, 'too-many-headers!'],
  ])('%s is refused with bounded memory, in chunks or at once', (_, text, expected) => {
    for (const chunkBytes of [1460, tenMegabytes * 2]) {
      const { codes, mostBuffered } = feed(text, chunkBytes);
      expect(codes).toEqual([expected]);
      expect(mostBuffered).toBeLessThanOrEqual(65_536);
    }
  });

  it('tells the sender with what had arrived', () => {
    const [item] = new StreamFramer().push(bytes(`${start}X: ${'x'.repeat(9000)}`));
    expect(item).toMatchObject({ error: { status: 513 }, partial: { method: 'INVITE' } });
    expect(item && 'error' in item && item.partial?.headers.get('via')).toBe('v');
  });

  it('refuses a body that is too large before it comes', () => {
    const { codes, mostBuffered } = feed(`${start}l: ${tenMegabytes}\n\n${'x'.repeat(tenMegabytes)}`, 1460);
    expect(codes).toEqual(['message-too-large!']);
    expect(mostBuffered).toBeLessThan(2000);
  });

  it('carries the largest message there may be', () => {
    const head = 'ACK sip:a SIP/2.0\nl: 65498\n\n';
    const size = 65_498;
    expect(bytes(head).length + size).toBeLessThanOrEqual(65_535);
    expect(feed(head + 'x'.repeat(size) + ack(1), 1460).codes).toEqual([size, 1]);
  });
});
