import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lab } from '../lab.ts';
import { defaultCarriers } from '../model/defaults.ts';
import { FarEnd, type FarEndDial } from '../testing/far-end.ts';

const own = '+14155550101';
const cNumber = '+14155559000';
const missedCalls = '+14155559001';

vi.setConfig({ testTimeout: 30_000 });
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

let farEnd: FarEnd;
let lab: Lab;

beforeEach(async () => {
  farEnd = new FarEnd();
  const server = await farEnd.start();
  const carriers = defaultCarriers().map((carrier) => ({
    ...carrier,
    sipPort: 0,
    ...(carrier.id === 'lab-gsm' ? { serviceNumbers: [missedCalls] } : { keepsUserToUser: false }),
  }));
  lab = new Lab({ server, carriers });
  await lab.start();
});

afterEach(async () => {
  await lab.close();
  await farEnd.close();
});

const portOf = (id: string) => lab.carriers().find((carrier) => carrier.id === id)?.sip.port ?? 0;
const dial = (number: string, headers?: Array<[string, string]>): Promise<FarEndDial> =>
  farEnd.call({ number, from: cNumber, port: portOf('lab-gsm') }, headers);
const theCall = () => lab.calls()[0]!;

describe('a call of Ringthrough over the trunk', () => {
  it('rings the handset, carries sound and keys, and ends when the handset hangs up', async () => {
    const call = await dial(own);
    await eventually(() => expect(call.seen).toEqual([180]));
    expect(lab.handset(own)).toMatchObject({
      state: 'ringing',
      call: { peer: cNumber, direction: 'incoming' },
    });
    lab.answer(own);
    await eventually(() => expect(call.seen).toEqual([180, 200]));
    call.say(1000);
    lab.speak(own, { toneHz: 700, durationMs: 5000 });
    await eventually(() => expect(lab.heard(own).toneHz).toBe(1000));
    await eventually(() => expect(call.ear.toneHz).toBe(700));
    lab.pressKeys(own, '42#');
    await eventually(() => expect(call.media.keys).toEqual(['4', '2', '#']));
    lab.hangUp(own);
    await eventually(() => expect(call.seen).toEqual([180, 200, 'ended']));
    expect(call.reason).toContain('cause=16');
    expect(theCall()).toMatchObject({
      caller: cNumber,
      called: own,
      state: 'ended',
      release: { by: 'callee' },
    });
    expect(lab.handset(own).state).toBe('idle');
    const labels = lab.ladder(theCall().id).map(({ label }) => label);
    expect(labels[0]).toBe('INVITE (SDP)');
    expect(labels).toEqual(
      expect.arrayContaining(['SETUP', '180 Ringing', 'CONNECT', '200 OK (SDP)', 'BYE']),
    );
  });

  it('stops ringing when Ringthrough gives it up, and ends when it hangs up', async () => {
    const first = await dial(own);
    await eventually(() => expect(lab.handset(own).state).toBe('ringing'));
    first.session.cancel();
    await eventually(() => expect(first.seen).toEqual([180, 487]));
    expect(lab.handset(own)).toMatchObject({ state: 'idle', screen: { title: 'Missed call' } });
    const second = await dial(own);
    await eventually(() => expect(lab.handset(own).state).toBe('ringing'));
    lab.answer(own);
    await eventually(() => expect(second.seen).toContain(200));
    second.session.bye();
    await eventually(() => expect(lab.handset(own).state).toBe('idle'));
    expect(theCall().release).toMatchObject({ by: 'ringthrough' });
  });

  it.each([
    ['is declined', (number: string) => void lab.hangUp(number), 403, 'cause=21'],
    ['is lost while it rings', (number: string) => void lab.setCoverage(number, 'off'), 480, 'cause=20'],
  ])('that %s is refused with the cause', async (_, act, status, reason) => {
    const call = await dial(own);
    await eventually(() => expect(lab.handset(own).state).toBe('ringing'));
    act(own);
    await eventually(() => expect(call.seen.at(-1)).toBe(status));
    expect(call.reason).toContain(reason);
  });

  it.each([
    ['of nobody', '+14155550177', 404],
    ['that is none', 'nobody', 484],
  ])('to a number %s is refused', async (_, number, status) => {
    const call = await dial(number);
    await eventually(() => expect(call.seen).toEqual([status]));
  });

  it('is forwarded like any other: it comes back with who diverted it, and what it brought along', async () => {
    lab.dial(own, `**004*${cNumber}#`);
    lab.setCoverage(own, 'off');
    const returning = farEnd.nextCall();
    const call = await dial(own, [['User-to-User', '00abcdef;encoding=hex']]);
    const { session } = await returning;
    expect(session.request.headers.get('Diversion')).toContain(own);
    expect(session.request.headers.get('From')).toContain(cNumber);
    expect(session.request.headers.get('User-to-User')).toBe('00abcdef;encoding=hex');
    await eventually(() => expect(call.seen).toEqual([181]));
    session.reject(603);
    await eventually(() => expect(call.seen).toEqual([181, 403]));
  });

  it('gives up its second half when Ringthrough gives up the first', async () => {
    lab.dial(own, `**21*${cNumber}#`);
    const returning = farEnd.nextCall();
    const call = await dial(own);
    const { session } = await returning;
    const cancelled = new Promise((resolve) => session.on('cancelled', resolve));
    call.session.cancel();
    await cancelled;
    await eventually(() => expect(call.seen.at(-1)).toBe(487));
  });

  it('loses what it brought along where the carrier does not keep it', async () => {
    const uk = '+447700900123';
    lab.dial(uk, '**21*+447700900999#');
    const returning = farEnd.nextCall();
    await farEnd.call({ number: uk, from: '+447700900999', port: portOf('lab-mobile-uk') }, [
      ['User-to-User', '00ab;encoding=hex'],
    ]);
    const { session } = await returning;
    expect(session.request.headers.has('User-to-User')).toBe(false);
    session.reject(603);
  });

  it('is taken from Ringthrough alone', async () => {
    const stranger = new FarEnd();
    await stranger.start();
    try {
      const call = await stranger.call({ number: own, from: cNumber, port: portOf('lab-gsm') });
      await eventually(() => expect(call.seen).toEqual([403]));
      expect(lab.handset(own).state).toBe('idle');
    } finally {
      await stranger.close();
    }
  });
});

it('a number of the service is called from a handset like a C number', async () => {
  const coming = farEnd.nextCall();
  lab.dial(own, missedCalls);
  const { session } = await coming;
  expect(session.request.uri).toContain(missedCalls);
  expect(session.request.headers.get('P-Asserted-Identity')).toContain(own);
  expect(session.request.headers.has('Diversion')).toBe(false);
  session.reject(603);
  await eventually(() =>
    expect(lab.handset(own)).toMatchObject({ state: 'idle', screen: { title: 'Call rejected' } }),
  );
});
