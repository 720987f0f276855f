import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person, type SipCredentials } from './support/person.ts';
import { Process } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

/** Its way to say that no answer came. */
const noAnswer = 3;

describe.skipIf(!hasPeer('sipsak'))('sipsak', () => {
  let server: Ringthrough;
  let person: Person;
  let sip: SipCredentials;

  beforeAll(async () => {
    server = await Ringthrough.start();
    [person] = await Person.signUp(server, '+14155550101');
    ({ sip } = await person.addSoftphone('Desk phone'));
  });
  afterAll(() => server?.stop());

  /** Runs it to its end. T1 is short, so that silence does not last for half a minute. */
  async function sipsak(...args: string[]): Promise<{ code: number | null; says: string }> {
    const process = new Process('sipsak', ['--timer-t1=50', '-vv', ...args]);
    try {
      return { code: await process.exited(), says: process.output };
    } finally {
      await process.stop();
    }
  }

  const uri = (user = sip.user) => `sip:${user}@127.0.0.1:${server.sipPort}`;

  const registered = async () => {
    const devices = await person.call<Array<{ name: string; registered: boolean }>>('GET', '/api/devices');
    return devices.find(({ name }) => name === 'Desk phone')?.registered;
  };

  it.each(['udp', 'tcp'])('OPTIONS of a stranger over %s: silence', async (transport) => {
    const { code, says } = await sipsak('-E', transport, '-s', uri());
    expect(says).not.toContain('SIP/2.0 200');
    expect(code).toBe(noAnswer);
  });

  it('OPTIONS from the address of a trunk: 200 with what can be done', async () => {
    const { code, says } = await sipsak('--local-port', String(server.trunkPort), '--symmetric', '-s', uri());
    expect(code).toBe(0);
    expect(says).toContain('SIP/2.0 200 OK');
    expect(says).toMatch(/^Allow: .*INVITE.*BYE/m);
    expect(says).toMatch(/^Accept: application\/sdp/m);
  });

  const register = (user: string, password: string, ...more: string[]) =>
    sipsak(
      '-U',
      '-C',
      'sip:desk@127.0.0.1:9',
      '-x',
      '60',
      '-a',
      password,
      '-u',
      user,
      ...more,
      '-s',
      uri(user),
    );

  it.each(['udp', 'tcp'])('REGISTER over %s, with the challenge answered', async (transport) => {
    const { code, says } = await register(sip.user, sip.password, '-E', transport);
    expect(says).toContain('authorizing');
    expect(says).toContain('completed successful');
    expect(code).toBe(0);
    // Over TCP the device left with the connection.
    if (transport === 'udp') expect(await registered()).toBe(true);
  });

  it('the same answers to a wrong password as to a user that nobody is', async () => {
    const [wrong, unknown] = [await register(sip.user, 'wrong'), await register('nobody', 'wrong')];
    expect(wrong.code).not.toBe(0);
    const shape = ({ says }: { says: string }) =>
      [...says.matchAll(/^SIP\/2\.0 .*|^[\w-]+(?=:)/gm)].map(([match]) => match);
    expect(shape(wrong)).toContain('SIP/2.0 401 Unauthorized');
    expect(shape(wrong)).not.toContain('SIP/2.0 200 OK');
    expect(shape(unknown)).toEqual(shape(wrong));
  });
});
