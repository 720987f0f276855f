import { describe, expect, it } from 'vitest';
import { createLogger, maskNumber, redactLine, redactText } from './log.ts';

function capture(): { lines: string[]; stream: { write(line: string): void } } {
  const lines: string[] = [];
  return { lines, stream: { write: (line) => lines.push(line) } };
}

describe('log', () => {
  it.each([
    ['+14155550101', '+1415•••0101'],
    ['+447700900123', '+4477•••0123'],
    ['+4512345', '+45•••45'],
    ['14155550101', '1415•••0101'],
  ])('masks %s as %s', (number, masked) => expect(maskNumber(number)).toBe(masked));

  it.each([
    ['sip:+14155550101@localhost', 'sip:+1415•••0101@localhost'],
    ['/api/account/numbers/%2B447700900123', '/api/account/numbers/+4477•••0123'],
    ['call (415) 555-0101 now', 'call 4155•••0101 now'],
    ['**004*14155559000#', '**004*1415•••9000#'],
    ['@localhost #123456', '@localhost #••••'],
    [
      'cookie: ringthrough_session=a-b_c; ringthrough_refresh=d-e',
      'cookie: ringthrough_session=[redacted]; ringthrough_refresh=[redacted]',
    ],
    ['GET /api/set-up/Ab-cd_9', 'GET /api/set-up/[redacted]'],
    ['https://ring.example.org/#/confirm/aB3/xY9', 'https://ring.example.org/#/confirm/[redacted]'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer [redacted]'],
    ['127.0.0.1:5060 took 1500 ms', '127.0.0.1:5060 took 1500 ms'],
    ['2026-11-21T22:48:50+00:00', '2026-11-21T22:48:50+00:00'],
  ])('turns %s into %s', (text, expected) => {
    expect(redactText(text)).toBe(expected);
    expect(redactText(expected)).toBe(expected);
  });

  it('cleans messages, members at any depth, child bindings and errors', () => {
    const { lines, stream } = capture();
    const log = createLogger({ level: 'debug', destination: 'stderr' }, stream);
    log
      .child({ caller: '+14155550199' })
      .info(
        { device: { password: 'hunter2 "quoted"', list: ['447700900123'] }, code: '123456' },
        'to 14155550101',
      );
    log.error(new Error('no route to +14155550101'));
    const text = lines.join('');
    expect(text).not.toMatch(/5550199|hunter2|quoted|447700900123|123456|5550101"|14155550101/);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
    expect(JSON.parse(lines[0]!).msg).toBe('to 1415•••0101');
  });

  it('cleans the tokens of a session', () => {
    const line = '{"body":{"accessToken":"one","refreshToken":"two","operatorToken":"three"}}\n';
    expect(redactLine(line)).not.toMatch(/one|two|three/);
    expect(JSON.parse(redactLine(line)).body.refreshToken).toBe('[redacted]');
  });

  it('keeps error codes, times and ports', () => {
    const line = '{"level":30,"time":1763765330123,"code":"EADDRINUSE","port":5060,"durationMs":123456789}\n';
    expect(redactLine(line)).toBe(line);
  });
});
