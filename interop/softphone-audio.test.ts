import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Baresip } from './support/baresip.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { tonesIn, writeTone } from './support/tones.ts';
import { Trunk } from './support/trunk.ts';

const NUMBER = '+14155550101';
const CALLER_HZ = 1000;
const SOFTPHONE_HZ = 600;

interface CallEntry {
  caller: string;
  outcome: string | null;
  durationMs: number;
  device: { id: string; name: string } | null;
  codecs: { carrier: string; client: string } | null;
  quality: { client: { packetsReceived: number; packetsLost: number } };
}

describe.skipIf(!hasPeer('baresip'))('a softphone: baresip, registered over UDP', () => {
  let folder: string;
  let server: Ringthrough;
  let person: Person;
  let trunk: Trunk;
  let phone: Baresip;
  let calls = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'softphone-'));
    server = await Ringthrough.start();
    [person] = await Person.signUp(server, NUMBER);
    const { sip } = await person.addSoftphone('Desk phone');
    const speaks = await writeTone(join(folder, 'speaks.wav'), { hz: SOFTPHONE_HZ });
    phone = await Baresip.start({ sip, server: { host: '127.0.0.1', port: server.sipPort }, speaks });
    trunk = await Trunk.open(server);
  });

  afterEach(async () => {
    for (const name of ['ringthrough_media_legs', 'ringthrough_calls_active']) {
      await until(async () => (await server.gauge(name)) === 0, { describe: () => `${name} stays above 0` });
    }
  });

  afterAll(async () => {
    await phone?.stop();
    await trunk?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A call that baresip has accepted, in which both have heard each other. */
  async function talk(codec: 'PCMA' | 'PCMU') {
    calls++;
    const call = await trunk.call({ called: NUMBER, codec, listenFor: [CALLER_HZ, SOFTPHONE_HZ] });
    await phone.event('CALL_INCOMING', calls);
    await call.status(180);
    phone.accept();
    await call.status(200);
    call.media.speak(CALLER_HZ);
    await call.hears(SOFTPHONE_HZ, 1000);
    return call;
  }

  /** What the softphone wrote down of what it heard. */
  async function heardBySoftphone(): Promise<Map<number, number>> {
    const tones = await until(
      async () => {
        const heard = phone.heard && (await tonesIn(phone.heard, [CALLER_HZ, SOFTPHONE_HZ]));
        return heard && (heard.get(CALLER_HZ) ?? 0) > 0 ? heard : undefined;
      },
      { describe: () => 'the softphone heard nothing' },
    );
    return tones;
  }

  /** The entry of the newest call: the log has it once the call is over. */
  const lastCall = () =>
    until(async () => {
      const entries = await person.call<CallEntry[]>('GET', '/api/calls');
      return entries.length === calls ? entries[0] : undefined;
    });

  it('hears the caller and is heard, in A-law; the caller hangs up', async () => {
    const startedAt = performance.now();
    const call = await talk('PCMA');
    call.hangUp();
    expect(await call.ended()).toBe('us');
    await phone.event('CALL_CLOSED', calls);
    const heard = await heardBySoftphone();
    expect(heard.get(CALLER_HZ)).toBeGreaterThan(600);
    expect(heard.get(SOFTPHONE_HZ)).toBe(0);
    expect(call.media.heard.heardMs(CALLER_HZ)).toBe(0);
    const entry = await lastCall();
    expect(entry).toMatchObject({
      caller: '+12125550199',
      outcome: 'answered',
      device: { name: 'Desk phone' },
      codecs: { carrier: 'PCMA', client: 'PCMA' },
    });
    expect(entry.durationMs).toBeGreaterThan(900);
    expect(entry.durationMs).toBeLessThan(performance.now() - startedAt);
    expect(entry.quality.client.packetsReceived).toBeGreaterThan(40);
  });

  it('hears the caller and is heard, with µ-law on the trunk; the softphone hangs up', async () => {
    const call = await talk('PCMU');
    phone.hangUp();
    expect(await call.ended()).toBe('peer');
    await phone.event('CALL_CLOSED', calls);
    const heard = await heardBySoftphone();
    expect(heard.get(CALLER_HZ)).toBeGreaterThan(600);
    expect(heard.get(SOFTPHONE_HZ)).toBe(0);
    const entry = await lastCall();
    expect(entry).toMatchObject({ outcome: 'answered', codecs: { carrier: 'PCMU' } });
    expect(['PCMU', 'PCMA']).toContain(entry.codecs?.client);
  });

  it('gets the keys that the caller presses', async () => {
    const call = await talk('PCMA');
    call.media.press('7');
    const { param } = await phone.event('CALL_DTMF_START');
    expect(param).toBe('7');
    call.hangUp();
    await call.ended();
  });
});
