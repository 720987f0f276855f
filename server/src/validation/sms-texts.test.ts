import { encodeText } from '@ringthrough/smpp';
import { describe, expect, it } from 'vitest';
import { languages } from '../config.ts';
import { randomToken } from './secrets.ts';
import { codeText, confirmationText } from './sms-texts.ts';

const host = 'ring.example.org';
const origin = `https://${host}`;

/**
 * As the specification reads a message (WICG, Origin-bound one-time codes delivered via SMS): the last line is the host
 * behind an @, a space, and the code behind a #. Chromium looks for the same form with `[^#\s]+` as code, of any length.
 */
function parse(message: string): { host: string; code: string } | undefined {
  const last = message.split('\n').at(-1) ?? '';
  const [, host = '', code = ''] = /^@([a-zA-Z0-9.-]+) #([^#\s]+)$/.exec(last) ?? [];
  return host === '' ? undefined : { host, code };
}

describe.each(languages)('in %s', (language) => {
  it('a code is read by people and by the browser, in one SMS', () => {
    const text = codeText(language, '012345', origin);
    expect(parse(text)).toEqual({ host, code: '012345' });
    expect(text.split('\n')[0]).toContain('012345');
    const { alphabet, parts } = encodeText(text);
    expect(alphabet).toBe(language === 'hi' ? 'ucs2' : 'gsm7');
    expect(parts).toHaveLength(1);
  });

  it('a link to confirm is in the SMS once, with the token for the browser in the last line', () => {
    const [id, token] = [randomToken(), randomToken()];
    const text = confirmationText(language, { id, token, origin });
    expect(parse(text)).toEqual({ host, code: token });
    expect(text.match(/https:\S+/g)).toEqual([`${origin}/#/confirm/${id}/${token}`]);
    const { alphabet, parts } = encodeText(text);
    expect(alphabet).toBe(language === 'hi' ? 'ucs2' : 'gsm7');
    if (alphabet === 'gsm7') expect(parts).toHaveLength(1);
  });
});

it('the line for the browser names no port: its format has none', () => {
  expect(parse(codeText('en', '123456', 'http://localhost:8080'))).toEqual({
    host: 'localhost',
    code: '123456',
  });
});
