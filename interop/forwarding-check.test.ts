import { afterAll, expect as assert, beforeAll, describe, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { C_NUMBER, Ringthrough } from './support/ringthrough.ts';
import { device, expect, mustMatch, pause, Sipp, type Step, trunk } from './support/sipp.ts';

const NUMBER = '+14155550101';

interface AccountView {
  numbers: Array<{
    forwarding: { check: { state: string; seen: string | null; cause?: string } | null } | null;
  }>;
}

const givenUp = mustMatch('Reason', 'cause=200.*Call completed elsewhere');

/** The switch finds the number: 100, and then whatever `meanwhile` says, until the test call is given up. */
const untilCancelled = (...meanwhile: Step[]): Step[] => [
  expect.request('INVITE', mustMatch('User-to-User', '00[0-9a-f]+;encoding=hex')),
  device.reply('100 Trying'),
  ...meanwhile,
  expect.request('CANCEL', givenUp),
  device.replyPlain('200 OK'),
  `<send retrans="500"><![CDATA[

SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[pid]d[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0

]]></send>`,
  expect.request('ACK'),
];

/** The second half of a forwarded call, which is refused at once. */
const comesBack = (...headers: string[]): Step[] => [
  trunk.invite(headers),
  expect.response(100, { optional: true }),
  expect.response(603, { check: mustMatch('Reason', 'Q.850;cause=21') }),
  trunk.ackFailure(2),
];

describe.skipIf(!hasPeer('sipp'))('is my forwarding on? SIPp is the carrier’s switch (R-FWD-CHECK)', () => {
  let server: Ringthrough;
  let person: Person;
  /** Where the switch takes calls. */
  let port: number;
  const running: Sipp[] = [];

  beforeAll(async () => {
    port = await freePort();
    const trunkPort = await freePort();
    server = await Ringthrough.start({
      trunkPort,
      trunks: [
        {
          host: '127.0.0.1',
          port: trunkPort,
          // SIPp has time to start.
          outbound: { uri: `sip:127.0.0.1:${port}`, optionsSeconds: 0, answerSeconds: 15 },
        },
      ],
      config: { forwarding: { check: { ringSeconds: 1, timeoutSeconds: 20 } } },
    });
    [person] = await Person.signUp(server, NUMBER);
  });
  afterAll(async () => {
    for (const sipp of running) await sipp.stop();
    await server?.stop();
  });

  const sipp = (steps: Step[], localPort: number): Sipp => {
    const one = new Sipp({ steps, localPort, remotePort: server.sipPort, keys: { caller: C_NUMBER } });
    running.push(one);
    return one;
  };

  const forwarding = async () =>
    (await person.call<AccountView>('GET', '/api/account')).numbers[0]?.forwarding?.check ?? undefined;

  const result = () =>
    until(
      async () => {
        const check = await forwarding();
        return check && check.state !== 'running' ? check : undefined;
      },
      { timeoutMs: 30_000, everyMs: 100 },
    );

  const begin = () => person.call('POST', `/api/account/numbers/${NUMBER}/forwarding/check`);

  it.each([
    ['by Diversion', [`Diversion: <sip:${NUMBER}@carrier.example>;reason=unavailable`]],
    [
      'by History-Info',
      [
        `History-Info: <sip:${NUMBER}@carrier.example>;index=1`,
        `History-Info: <sip:${C_NUMBER}@carrier.example;cause=503>;index=1.1;mp=1`,
      ],
    ],
  ])('it comes back %s: both halves end at once, and nothing is recorded', async (_, headers) => {
    const there = sipp(untilCancelled(), port);
    await begin();
    await until(() => there.messages.includes('INVITE sip:'), { timeoutMs: 20_000 });
    const back = sipp(comesBack(...headers), server.trunkPort);
    assert(await result()).toMatchObject({ state: 'verified', seen: 'came-back' });
    await Promise.all([there.succeeded(), back.succeeded()]);
    assert(await person.call('GET', '/api/calls')).toEqual([]);
  });

  it('it comes back for another number', async () => {
    const there = sipp(untilCancelled(), port);
    await begin();
    await until(() => there.messages.includes('INVITE sip:'), { timeoutMs: 20_000 });
    const headers = ['Diversion: <sip:+14155550199@carrier.example>;reason=unavailable'];
    const back = sipp(comesBack(...headers), server.trunkPort);
    assert(await result()).toMatchObject({ state: 'failed', seen: 'wrong-number' });
    await Promise.all([there.succeeded(), back.succeeded()]);
  });

  it('the phone rings', async () => {
    const there = sipp(untilCancelled(device.reply('180 Ringing')), port);
    await begin();
    assert(await result()).toMatchObject({ state: 'failed', seen: 'rang' });
    await there.succeeded();
  });

  it('a mailbox answers', async () => {
    const there = sipp(
      [
        expect.request('INVITE'),
        // Once: nobody acknowledges it.
        device.reply('183 Session Progress', { body: true }).replace(' retrans="500"', ''),
        pause(300),
        device.reply('200 OK', { body: true }),
        expect.request('ACK'),
        expect.request('BYE', givenUp),
        device.replyPlain('200 OK'),
      ],
      port,
    );
    await begin();
    assert(await result()).toMatchObject({ state: 'failed', seen: 'carrier-voicemail' });
    await there.succeeded();
  });

  it.each([
    ['486 Busy Here', 'busy', '486'],
    ['480 Temporarily Unavailable', 'rejected', '480'],
  ])('it is refused: %s', async (line, seen, cause) => {
    const there = sipp([expect.request('INVITE'), device.reply(line), expect.request('ACK')], port);
    await begin();
    assert(await result()).toMatchObject({ state: 'failed', seen, cause });
    await there.succeeded();
  });
});
