import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lab } from '../lab.ts';
import { defaultCarriers } from '../model/defaults.ts';
import { scenarios } from '../model/scenarios.ts';
import { FarEnd } from '../testing/far-end.ts';

const own = '+14155550101';
const caller = '+12125550199';
const cNumber = '+14155559000';
const owns = ['+14155550101', '+447700900123', '+13125550142', '+491713920011'];

vi.setConfig({ testTimeout: 30_000 });
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

let farEnd: FarEnd;
let lab: Lab;

beforeEach(async () => {
  farEnd = new FarEnd();
  const server = await farEnd.start();
  lab = new Lab({ server, carriers: defaultCarriers().map((carrier) => ({ ...carrier, sipPort: 0 })) });
  await lab.start();
});

afterEach(async () => {
  await lab.close();
  await farEnd.close();
});

const theCall = () => lab.calls()[0]!;

/** The call that a caller's handset makes, where it leaves for Ringthrough. */
async function arrives(from = caller, to = own) {
  const incoming = farEnd.nextCall();
  lab.dial(from, to);
  const { session } = await incoming;
  session.reject(486);
  await eventually(() => expect(lab.handset(from).call).toBeNull());
  return session.request;
}

const sms = (id: string, to = own) => ({ id, from: 'Ringthrough', to, text: 'You missed a call.' });

describe('calls', () => {
  it('fresh: ring, and end where nobody answers; no message is left', () => {
    lab.sendSms(caller, own, 'Hello');
    lab.loadScenario('fresh');
    expect([lab.sms(), lab.handset(own).inbox]).toEqual([[], []]);
    lab.dial(caller, own);
    expect(lab.handset(own).state).toBe('ringing');
    lab.hangUp(own);
    expect(theCall().release).toMatchObject({ by: 'network', q850: 21 });
  });

  it('forwarded: ring first, and go on when declined', async () => {
    lab.loadScenario('forwarded');
    const incoming = farEnd.nextCall();
    lab.dial(caller, own);
    expect(lab.handset(own).state).toBe('ringing');
    lab.hangUp(own);
    const { session } = await incoming;
    expect(session.request.headers.get('Diversion')).toContain('reason=user-busy');
    session.reject(486);
  });

  it.each(['no-coverage', 'roaming-off', 'sim-out', 'switched-off'])('%s: go on at once', async (name) => {
    lab.loadScenario(name);
    const state = name === 'switched-off' ? 'off' : name;
    expect(owns.map((number) => lab.handset(number).state)).toEqual(owns.map(() => state));
    expect((await arrives()).headers.get('Diversion')).toContain('reason=unavailable');
    for (const number of owns) expect(() => lab.dial(number, caller)).toThrow(/handset/);
  });

  it('busy: go on while the handsets talk to each other', async () => {
    lab.loadScenario('busy');
    expect(owns.map((number) => lab.handset(number).state)).toEqual(owns.map(() => 'in-call'));
    expect((await arrives()).headers.get('Diversion')).toContain('reason=user-busy');
    lab.loadScenario('fresh');
    expect(owns.map((number) => lab.handset(number).state)).toEqual(owns.map(() => 'idle'));
  });

  it('no-reply: go on after five seconds of ringing', async () => {
    lab.loadScenario('no-reply');
    const dialled = Date.now();
    const request = await arrives();
    expect(request.headers.get('Diversion')).toContain('reason=no-answer');
    expect(Date.now() - dialled).toBeGreaterThan(4900);
  });

  it('carrier-voicemail: the carrier answers, and Ringthrough sees nothing of it', async () => {
    lab.loadScenario('carrier-voicemail');
    lab.dial(caller, own);
    expect(theCall()).toMatchObject({ destination: 'voicemail', diverted: [{ reason: 'unavailable' }] });
    await eventually(() => expect(theCall().state).toBe('active'));
    await eventually(() => expect(lab.heard(caller).levelDb).toBeGreaterThan(-30));
    // The tone after the greeting.
    await eventually(() => expect(lab.heard(caller).tones.some(({ hz }) => hz === 1000)).toBe(true));
    lab.speak(caller, { prompt: 'message' });
    await eventually(() => expect(lab.heard(caller).levelDb).toBeLessThan(-60));
    lab.hangUp(caller);
    await eventually(() =>
      expect(lab.handset(own).carrierVoicemail).toMatchObject({ on: true, messages: [{ from: caller }] }),
    );
    expect(farEnd.calls).toBe(0);
  });

  it('forwarding-dropped: ring, and nothing is registered any more', () => {
    lab.loadScenario('forwarded');
    lab.loadScenario('forwarding-dropped');
    expect(owns.map((number) => lab.handset(number).forwardings)).toEqual(owns.map(() => ({})));
    lab.dial(caller, own);
    lab.hangUp(own);
    expect(theCall()).toMatchObject({ destination: 'voicemail' });
  });

  it('forwarded-elsewhere: ring at a caller’s handset', () => {
    lab.loadScenario('forwarded-elsewhere');
    lab.dial('+447700900456', own);
    expect(lab.handset(own).state).toBe('idle');
    expect(lab.handset(caller).state).toBe('ringing');
  });

  it('no-redirection: arrive without a word about whom they were for', async () => {
    lab.loadScenario('no-redirection');
    const { headers, uri } = await arrives();
    expect(uri).toContain(cNumber);
    expect([headers.has('Diversion'), headers.has('History-Info')]).toEqual([false, false]);
    lab.loadScenario('no-coverage');
    expect((await arrives()).headers.has('Diversion')).toBe(true);
  });

  it('loop: end after five forwardings', () => {
    lab.loadScenario('loop');
    lab.dial(caller, own);
    expect(theCall().diverted).toHaveLength(5);
    expect(theCall().release).toMatchObject({ by: 'network', q850: 25 });
  });

  it('back-soon: come through again in a moment, and the SMS that waited', async () => {
    lab.loadScenario('back-soon');
    lab.acceptSms(sms('a'));
    expect(lab.handset(own)).toMatchObject({ state: 'off', waitingSms: 1 });
    await eventually(() => expect(lab.handset(own)).toMatchObject({ state: 'idle', waitingSms: 0 }));
    expect(lab.handset(own).inbox).toMatchObject([{ id: 'a' }]);
    lab.dial(caller, own);
    expect(lab.handset(own).state).toBe('ringing');
  });
});

it('trunk-down: nothing arrives, until the line is there again', async () => {
  lab.loadScenario('trunk-down');
  const incoming = farEnd.nextCall();
  lab.dial(caller, own);
  expect(theCall()).toMatchObject({ state: 'setup', destination: 'trunk' });
  expect(farEnd.calls).toBe(0);
  lab.setCondition('lab-gsm', { trunk: 'up' });
  // The INVITE is sent again (RFC 3261 section 17.1.1.2).
  const { session } = await incoming;
  session.reject(486);
});

describe('SMS', () => {
  it.each([
    ['sms-down', 'sms-down'],
    ['sms-throttled', 'sms-throttled'],
  ] as const)('%s: are not taken until it is over', (name, code) => {
    lab.loadScenario(name);
    expect(() => lab.acceptSms(sms('a'))).toThrow(expect.objectContaining({ code }));
    lab.setCondition('lab-gsm', { sms: 'up' });
    expect(lab.acceptSms(sms('a'))).toBe('accepted');
    lab.loadScenario('fresh');
    expect(lab.acceptSms(sms('b', '+447700900123'))).toBe('accepted');
  });

  it('switched-off: wait for the handset', () => {
    lab.loadScenario('switched-off');
    lab.acceptSms(sms('a'));
    expect(lab.sms()).toMatchObject([{ id: 'a', state: 'stored' }]);
    lab.setCoverage(own, 'covered');
    expect(lab.sms()).toMatchObject([{ id: 'a', state: 'delivered' }]);
  });
});

it('provisioning-down: says so, until the next scenario', () => {
  lab.loadScenario('provisioning-down');
  expect(lab.carriers().map(({ condition }) => condition.provisioning)).toEqual(Array(4).fill('down'));
  lab.loadScenario('fresh');
  expect(lab.carriers().map(({ condition }) => condition.provisioning)).toEqual(Array(4).fill('up'));
});

it('every scenario leads to the same state from any other', () => {
  const state = () =>
    lab.handsets().map(({ number, state: now, forwardings, carrierVoicemail }) => ({
      number,
      now,
      forwardings,
      on: carrierVoicemail.on,
    }));
  for (const { name } of scenarios) {
    lab.loadScenario('fresh');
    lab.loadScenario(name);
    const expected = state();
    for (const { number } of lab.handsets()) lab.setCoverage(number, 'covered');
    lab.dial(caller, '**21*+447700900456#');
    lab.setCarrierVoicemail(caller, true);
    lab.loadScenario('busy');
    lab.loadScenario(name);
    expect(state()).toEqual(expected);
  }
});

it('a name that there is not names those there are', () => {
  expect(() => lab.loadScenario('no-such')).toThrow(
    /no scenario of this name. There are: fresh, forwarded, /,
  );
});
