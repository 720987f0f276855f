import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kamailio } from './support/kamailio.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { Trunk, type TrunkCall } from './support/trunk.ts';

const NUMBER = '+14155550101';
/** How long a server may take for its first word until the next one is tried. */
const patienceMs = 1000;

interface Site {
  server: Ringthrough;
  /** Has the same number everywhere, and no device: voicemail answers. */
  person: Person;
  calls(): Promise<number>;
}

/** One call after the other, or the second while the first one lasts: the tests build on each other. */
describe.skipIf(!hasPeer('kamailio'))('Kamailio as dispatcher over three servers', () => {
  let sites: Site[];
  let border: Kamailio;
  let trunk: Trunk;

  beforeAll(async () => {
    const [coreSide, carrierSide, switchPort] = [await freePort(), await freePort(), await freePort()];
    sites = [];
    // Beside each other they might find the same free ports.
    for (const maxConcurrent of [100, 100, 1]) sites.push(await site(coreSide, maxConcurrent));
    border = await Kamailio.start({
      example: 'border',
      settings: {
        CARRIER_SIDE: `udp:127.0.0.1:${carrierSide}`,
        CORE_SIDE: `udp:127.0.0.1:${coreSide}`,
        PING_SECONDS: '1',
        PATIENCE_MS: String(patienceMs),
      },
      dispatcher: [
        ...sites.map(({ server }) => `1 sip:127.0.0.1:${server.sipPort}`),
        `2 sip:127.0.0.1:${switchPort} 8`,
      ],
    });
    trunk = await Trunk.openTo(carrierSide, switchPort);
  }, 120_000);

  afterAll(async () => {
    await trunk?.close();
    await border?.stop();
    await Promise.all((sites ?? []).map(({ server }) => server.stop()));
  });

  async function site(trunkPort: number, maxConcurrent: number): Promise<Site> {
    const server = await Ringthrough.start({
      trunkPort,
      // The test asks all the time.
      config: { calls: { maxConcurrent }, http: { requestsPerAddressPerMinute: 100_000 } },
    });
    const [person] = await Person.signUp(server, NUMBER);
    const calls = async () => (await person.call<unknown[]>('GET', '/api/calls')).length;
    return { server, person, calls };
  }

  async function answered(): Promise<TrunkCall> {
    const call = await trunk.call({ called: NUMBER });
    await call.status(200);
    return call;
  }

  /** A call from its first word to its entry in the log of the server that had it. */
  async function wholeCall(among: Site[] = sites): Promise<void> {
    const count = async () =>
      (await Promise.all(among.map((one) => one.calls()))).reduce((sum, n) => sum + n);
    const before = await count();
    const call = await answered();
    call.hangUp();
    await call.ended();
    await until(async () => (await count()) > before);
  }

  const callsOfEach = () => Promise.all(sites.map((one) => one.calls()));

  it('spreads calls over them', async () => {
    for (let times = 0; times < 6; times++) await wholeCall();
    expect(await callsOfEach()).toEqual([2, 2, 2]);
  });

  it('one is killed: calls go to the others, and those that it has not go on', async () => {
    const [first, ...others] = sites;
    const busy = () => Promise.all(others.map(({ server }) => server.gauge('ringthrough_calls_active')));
    const lasting: TrunkCall[] = [];
    while (Math.max(...(await busy())) === 0) lasting.push(await answered());
    await first?.server.kill();
    // The first one to try it waits for its patience; then it is known to be dead.
    for (let times = 0; times < 4; times++) {
      const call = await answered();
      call.hangUp();
      await call.ended();
    }
    const last = lasting.pop();
    expect(last?.endedBy).toBeUndefined();
    last?.hangUp();
    expect(await last?.ended()).toBe('us');
    for (const call of lasting) call.hangUp();
    for (const one of others) await until(async () => (await one.calls()) > 2);
  });

  it('gets calls again when it answers OPTIONS again', async () => {
    const [first] = sites;
    await first?.server.restart();
    const before = (await first?.calls()) ?? 0;
    await until(
      async () => {
        const call = await answered();
        call.hangUp();
        await call.ended();
        return ((await first?.calls()) ?? 0) > before;
      },
      { timeoutMs: 30_000 },
    );
  });

  it('one is full and says 503: the next one takes the call', async () => {
    const full = sites[2];
    const lasting: TrunkCall[] = [];
    while ((await full?.server.gauge('ringthrough_calls_active')) === 0) lasting.push(await answered());
    const { mark } = border;
    for (let times = 0; times < 3; times++) lasting.push(await answered());
    expect(border.logSince(mark)).toContain('next server:');
    expect(await full?.server.gauge('ringthrough_calls_active')).toBe(1);
    for (const call of lasting) {
      expect(call.statuses).not.toContain(503);
      call.hangUp();
      expect(await call.ended()).toBe('us');
    }
  });

  it('all are dead: the carrier is told, at once', async () => {
    for (const { server } of sites) await server.kill();
    const first = await trunk.call({ called: NUMBER });
    expect(await first.ended(20_000)).toBe('rejection');
    await until(
      async () => {
        const call = await trunk.call({ called: NUMBER });
        await call.ended();
        return call.statuses.at(-1) === 503;
      },
      { timeoutMs: 20_000 },
    );
  });
});
