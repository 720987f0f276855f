import { describe, expect, it } from 'vitest';
import { createLogger } from '../log.ts';
import { explainListenError, StartError } from '../start-error.ts';
import { Teardown } from './teardown.ts';

describe('Teardown', () => {
  it('closes in reverse order, each once, past those that fail', async () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'error', destination: 'none' }, { write: (line) => lines.push(line) });
    const teardown = new Teardown(log);
    const closed: string[] = [];
    teardown.add('first', () => void closed.push('first'));
    teardown.add('broken', () => Promise.reject(new Error('stuck')));
    teardown.add('last', async () => void closed.push('last'));
    await Promise.all([teardown.close(), teardown.close()]);
    await teardown.close();
    expect(closed).toEqual(['last', 'first']);
    expect(lines.join('')).toMatch(/"part":"broken".*did not close/);
  });
});

describe('explainListenError', () => {
  const failure = (code: string) =>
    Object.assign(new Error(code), { code, address: '127.0.0.1', port: 8080 });

  it('says what to change', () => {
    const explain = (code: string) => explainListenError(failure(code), ['http', 'port']) as Error;
    expect(explain('EADDRINUSE')).toBeInstanceOf(StartError);
    expect(explain('EADDRINUSE').message).toMatch(
      /TCP port 8080 on 127.0.0.1 is taken.*http.port.*RINGTHROUGH_HTTP_PORT/,
    );
    expect(explain('EACCES').message).toMatch(/may not be used/);
    expect(explain('EADDRNOTAVAIL').message).toMatch(/no address of this machine.*RINGTHROUGH_HTTP_HOST/);
  });

  it('leaves other errors alone', () => {
    const error = failure('EMFILE');
    expect(explainListenError(error, ['http', 'port'])).toBe(error);
  });
});
