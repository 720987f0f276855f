import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register, SipRequest, SipStack } from '@ringthrough/sip';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Baresip } from './support/baresip.ts';
import { Linphone } from './support/linphone.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { Process, until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { SipDevice } from './support/sip-device.ts';
import { writeTone } from './support/tones.ts';
import { Trunk } from './support/trunk.ts';

const NUMBER = '+14155550101';
const SPEECH_HZ = 700;

/** A call that nobody takes, for `decline` declines it, and a message that is left. */
async function leaveMessage(server: Ringthrough, trunk: Trunk, decline: () => Promise<void>): Promise<void> {
  const call = await trunk.call({ called: NUMBER, listenFor: [1000] });
  await decline();
  await call.status(200);
  // Past the greeting, to the beep.
  call.media.press('#');
  await call.hears(1000, 100);
  call.media.speak(SPEECH_HZ);
  const recordings = join(server.folder, 'data', 'voicemail');
  // A second and a half of 8 kHz 16-bit audio.
  const recordedEnough = async () => {
    const [part] = (await readdir(recordings)).filter((name) => name.endsWith('.part'));
    return part !== undefined && (await stat(join(recordings, part))).size > 24_000 ? true : undefined;
  };
  await until(recordedEnough, { describe: () => 'nothing is recorded' });
  call.hangUp();
  await call.ended();
}

describe.skipIf(!hasPeer('baresip'))('waiting messages on a telephone: baresip subscribes (RFC 3842)', () => {
  let folder: string;
  let server: Ringthrough;
  let person: Person;
  let trunk: Trunk;
  let phone: Baresip;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mwi-'));
    server = await Ringthrough.start();
    [person] = await Person.signUp(server, NUMBER);
    const { sip } = await person.addSoftphone('Desk phone');
    const speaks = await writeTone(join(folder, 'speaks.wav'), { hz: 600 });
    const at = { host: '127.0.0.1', port: server.sipPort };
    phone = await Baresip.start({ sip, server: at, speaks, messageWaiting: true });
    trunk = await Trunk.open(server);
  });
  afterAll(async () => {
    await phone?.stop();
    await trunk?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What the telephone says of the messages, such as `yes 1/0`, whenever it is told. */
  const told = (): string[] =>
    phone.events
      .filter(({ type }) => type === 'MWI_NOTIFY')
      .map(({ param = '' }) => {
        const waiting = /Messages-Waiting: (\w+)/.exec(param)?.[1];
        return `${waiting} ${/Voice-Message: (\d+\/\d+)/.exec(param)?.[1]}`;
      });
  const shows = (what: string) =>
    until(() => told().at(-1) === what || undefined, {
      describe: () =>
        `told ${told().join(', ') || 'nothing'}, not ${what}\n${phone.process.output.slice(-2000)}`,
    });

  it('shows a message that is left, that it was heard, and that it is gone', async () => {
    await shows('no 0/0');
    await leaveMessage(server, trunk, async () => {
      await phone.event('CALL_INCOMING');
      phone.hangUp();
    });
    await shows('yes 1/0');

    const [message] = await person.call<Array<{ id: string }>>('GET', '/api/voicemails');
    await person.call('PATCH', `/api/voicemails/${message?.id}`, { heard: true });
    await shows('no 0/1');
    await person.call('DELETE', `/api/voicemails/${message?.id}`);
    await shows('no 0/0');
    expect(told()).toEqual(['no 0/0', 'yes 1/0', 'no 0/1', 'no 0/0']);
  });
});

describe.skipIf(!hasPeer('linphonec') || !hasPeer('tshark'))(
  'a telephone that does not ask: linphone',
  () => {
    it('takes what it is told of a message that was left', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unasked-'));
      const server = await Ringthrough.start({ config: { subscriptions: { unsolicitedSummary: true } } });
      const { sipPort } = server;
      // linphonec shows nothing of it: what it answers is to be seen on the wire.
      const decode = ['-d', `udp.port==${sipPort},sip`, '-Y', 'sip.CSeq.method == "NOTIFY"', '-O', 'sip'];
      const wire = new Process('tshark', ['-i', 'lo', '-n', '-l', '-f', `udp port ${sipPort}`, ...decode]);
      const [person] = await Person.signUp(server, NUMBER);
      const { sip } = await person.addSoftphone('Desk phone');
      const speaks = await writeTone(join(folder, 'speaks.wav'), { hz: 600 });
      const at = { host: '127.0.0.1', port: sipPort };
      const phone = await Linphone.start({ sip, server: at, transport: 'udp', speaks });
      const trunk = await Trunk.open(server);
      try {
        await wire.waitFor(/Capturing on/);
        await leaveMessage(server, trunk, async () => {
          await phone.rings();
          phone.hangUp();
        });
        await wire.waitFor(/Request-Line: NOTIFY[\s\S]*Messages-Waiting: yes[\s\S]*Voice-Message: 1\/0/);
        await wire.waitFor(/Status-Line: SIP\/2\.0 \d+/);
        expect(wire.output.match(/Status-Line: SIP\/2\.0 (\d+)/)?.[1]).toBe('200');
      } finally {
        await phone.stop();
        await trunk.close();
        await wire.stop();
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      }
    });
  },
);

describe('registrations of an account over real sockets (RFC 3680)', () => {
  it('a device is told of the others of its person, until it leaves', async () => {
    const server = await Ringthrough.start();
    const [person] = await Person.signUp(server, NUMBER);
    const { sip } = await person.addSoftphone('Watcher');
    const desk = (await person.addSoftphone('Desk phone')).sip;
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port: 0 }];
    const stack = new SipStack({ userAgent: 'Watcher', listeners });
    await stack.start();
    const target = { protocol: 'udp' as const, host: '127.0.0.1', port: server.sipPort };
    const credentials = { username: sip.user, password: sip.password };
    // Only who is registered may ask at all.
    const registration = register({ stack, address: `sip:${sip.user}@${sip.domain}`, target, credentials });
    await until(() => registration.state === 'registered' || undefined);
    const told: string[] = [];
    let ended: string | undefined;
    const subscription = stack.subscribe({
      request: new SipRequest('SUBSCRIBE', `sip:${sip.user}@${sip.domain}`, {
        headers: [
          ['From', `<sip:${sip.user}@${sip.domain}>`],
          ['Event', 'reg'],
        ],
      }),
      target,
      credentials,
      notified: ({ body }) => told.push(Buffer.from(body).toString()),
      ended: ({ how }) => {
        ended = how;
      },
    });
    const seen = (pattern: RegExp) =>
      until(() => told.some((text) => pattern.test(text)) || undefined, { describe: () => told.join('\n') });
    await seen(new RegExp(`state="full">\\s*<registration aor="sip:${sip.user}@`));
    const other = await SipDevice.register(server, desk);
    await seen(new RegExp(`aor="sip:${desk.user}@[^>]+state="active">\\s*<contact[^>]+event="registered"`));
    await other.close();
    await seen(
      new RegExp(`aor="sip:${desk.user}@[^>]+state="terminated">\\s*<contact[^>]+event="unregistered"`),
    );
    expect(await server.gauge('ringthrough_sip_subscriptions')).toBe(1);
    subscription.unsubscribe();
    await until(() => ended);
    expect(ended).toBe('terminated');
    await registration.stop();
    await stack.close();
    await server.stop();
  });
});
