import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lab } from './lab.ts';
import { defaultCarriers } from './model/defaults.ts';
import { FarEnd, type FarEndCall } from './testing/far-end.ts';

const own = '+14155550101';
const ownUk = '+447700900123';
const caller = '+12125550199';
const cNumber = '+14155559000';

/** Generous: on a busy machine packets and timers come late, and waiting costs nothing when they do not. */
vi.setConfig({ testTimeout: 30_000 });
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

let farEnd: FarEnd;
let lab: Lab;

beforeEach(async () => {
  farEnd = new FarEnd();
  const server = await farEnd.start();
  const carriers = defaultCarriers().map((carrier) => ({ ...carrier, sipPort: 0 }));
  lab = new Lab({ server, carriers });
  await lab.start();
});

afterEach(async () => {
  await lab.close();
  await farEnd.close();
});

/** Puts the own handset out of coverage with everything forwarded, and calls it. */
async function callUnreachable(): Promise<FarEndCall> {
  lab.dial(own, `**004*${cNumber}#`);
  lab.setCoverage(own, 'no-coverage');
  const incoming = farEnd.nextCall();
  lab.dial(caller, own);
  return incoming;
}

const theCall = () => lab.calls()[0]!;
const labels = () => lab.ladder(theCall().id).map((entry) => entry.label);

describe('a call to an unreachable handset', () => {
  it('arrives on the trunk at the C number, with who, whom and why', async () => {
    const { session } = await callUnreachable();
    const { headers, uri } = session.request;
    expect(uri).toContain(cNumber);
    expect(headers.get('Diversion')).toContain(`${own}@`);
    expect(headers.get('Diversion')).toContain('reason=unavailable');
    expect(headers.has('History-Info')).toBe(false);
    expect(headers.get('P-Asserted-Identity')).toContain(caller);
    expect(headers.get('From')).toContain(caller);
    session.reject(486);
  });

  it('uses History-Info when that was chosen, and both', async () => {
    lab.setRedirection('lab-gsm', 'both');
    const { session } = await callUnreachable();
    expect(session.request.headers.getAll('History-Info').join()).toContain('cause=503');
    expect(session.request.headers.has('Diversion')).toBe(true);
    session.reject(486);
  });

  it('carries sound both ways, and keys, and ends when the caller hangs up', async () => {
    const call = await callUnreachable();
    call.session.progress(180);
    await eventually(() => expect(theCall().state).toBe('alerting'));
    call.accept();
    await eventually(() => expect(theCall().state).toBe('active'));
    call.say(1000);
    lab.speak(caller, { toneHz: 700, durationMs: 5000 });
    await eventually(() => expect(lab.heard(caller).toneHz).toBe(1000));
    await eventually(() => expect(call.ear.toneHz).toBe(700));
    expect(lab.heard(caller).levelDb).toBeGreaterThan(-20);
    lab.pressKeys(caller, '1#');
    await eventually(() => expect(call.media.keys).toEqual(['1', '#']));
    const ended = new Promise((resolve) => call.session.on('ended', resolve));
    lab.hangUp(caller);
    await ended;
    expect(theCall()).toMatchObject({ state: 'ended', codec: 'PCMU', release: { by: 'caller', q850: 16 } });
    expect(labels()).toEqual(
      expect.arrayContaining(['INVITE (SDP)', '180 Ringing', '200 OK (SDP)', 'ACK', 'BYE']),
    );
  });

  it('plays early media, and the switch’s own ringback where there is none', async () => {
    const call = await callUnreachable();
    call.session.progress(180);
    await eventually(() => expect(lab.heard(caller).levelDb).toBeGreaterThan(-30));
    expect(lab.heard(caller).firstSoundAt).toBeUndefined();
    call.say(1200);
    call.session.progress(183, { body: call.sdp(), contentType: 'application/sdp' });
    await eventually(() => expect(lab.heard(caller).toneHz).toBe(1200));
    expect(theCall().state).toBe('alerting');
    call.session.reject(480);
  });

  it('ends when the far end hangs up', async () => {
    const call = await callUnreachable();
    call.accept();
    await eventually(() => expect(theCall().state).toBe('active'));
    call.session.bye({ headers: [['Reason', 'Q.850;cause=31']] });
    await eventually(() => expect(theCall().state).toBe('ended'));
    expect(theCall().release).toEqual({ by: 'ringthrough', q850: 31, text: 'Call ended' });
    expect(lab.handset(caller)).toMatchObject({ state: 'idle', call: null });
  });

  it('is cancelled when the caller gives up', async () => {
    const call = await callUnreachable();
    call.session.progress(180);
    await eventually(() => expect(theCall().state).toBe('alerting'));
    const cancelled = new Promise((resolve) => call.session.on('cancelled', resolve));
    lab.hangUp(caller);
    await cancelled;
    await eventually(() => expect(labels()).toContain('487 Request Terminated'));
  });

  it.each([
    [404, 1],
    [486, 17],
    [480, 18],
  ])('shows why the far end refused it: %i', async (status, q850) => {
    const { session } = await callUnreachable();
    session.reject(status);
    await eventually(() => expect(theCall().release).toMatchObject({ by: 'ringthrough', q850 }));
  });

  it('follows a re-offer of the far end', async () => {
    const call = await callUnreachable();
    call.accept();
    await eventually(() => expect(theCall().state).toBe('active'));
    const response = await call.session.reinvite(call.sdp());
    expect(response.status).toBe(200);
    expect(Buffer.from(response.body).toString()).toContain('PCMU/8000');
  });
});

describe('the switch', () => {
  it('rings a reachable handset, and sends a declined call on as busy', async () => {
    lab.dial(own, `**004*${cNumber}#`);
    const incoming = farEnd.nextCall();
    lab.dial(caller, '415 555 0101');
    expect(lab.handset(own).state).toBe('ringing');
    lab.hangUp(own);
    const { session } = await incoming;
    expect(session.request.headers.get('Diversion')).toContain('reason=user-busy');
    session.reject(486);
  });

  it('hands a call to the other carrier and lets it leave on that carrier’s trunk', async () => {
    lab.dial(ownUk, '**62*+447700900999#');
    lab.setCoverage(ownUk, 'off');
    const incoming = farEnd.nextCall();
    lab.dial(caller, '011447700900123');
    const { session } = await incoming;
    expect(session.request.headers.getAll('History-Info')[0]).toContain(ownUk);
    expect(labels()).toContain('IAM');
    session.reject(486);
  });

  it('says that a number is not in service', () => {
    lab.dial(caller, '+19995550000');
    expect(theCall().release).toMatchObject({ by: 'network', q850: 1 });
  });

  it('connects two handsets of the lab', async () => {
    lab.dial(caller, own);
    lab.answer(own);
    lab.speak(own, { toneHz: 900, durationMs: 3000 });
    lab.speak(caller, { prompt: 'hello' });
    await eventually(() => expect(lab.heard(caller).toneHz).toBe(900));
    await eventually(() => expect(lab.heard(own).levelDb).toBeGreaterThan(-40));
    lab.hangUp(own);
    expect(theCall().release).toMatchObject({ by: 'callee', q850: 16 });
    expect(lab.handset(caller).state).toBe('idle');
  });

  it('withholds the number when asked', async () => {
    lab.dial(own, `**21*${cNumber}#`);
    const incoming = farEnd.nextCall();
    lab.dial(caller, `#31#${own}`);
    const { session } = await incoming;
    expect(session.request.headers.get('From')).toContain('anonymous');
    expect(session.request.headers.get('Privacy')).toBe('id');
    session.reject(486);
  });

  it.each([
    ['no network', () => lab.setCoverage(caller, 'no-coverage'), 'no-service'],
    ['no power', () => lab.setCoverage(caller, 'off'), 'no-service'],
    ['a call already', () => lab.dial(caller, own), 'handset-busy'],
  ])('refuses to dial with %s', (_, prepare, code) => {
    prepare();
    expect(() => lab.dial(caller, ownUk)).toThrow(expect.objectContaining({ code }));
  });
});

it('delivers an SMS when the handset is back in coverage', () => {
  lab.setCoverage(own, 'no-coverage');
  lab.acceptSms({ id: 'a', from: 'Ringthrough', to: own, text: 'You missed a call.' });
  expect(lab.handset(own)).toMatchObject({ inbox: [], waitingSms: 1 });
  lab.setCoverage(own, 'covered');
  expect(lab.handset(own)).toMatchObject({ inbox: [{ id: 'a' }], waitingSms: 0 });
});

it('leaves nothing behind in the SIP stack', async () => {
  const { session } = await callUnreachable();
  session.reject(486);
  await eventually(() => expect(theCall().state).toBe('ended'));
  await lab.close();
  await farEnd.close();
  expect(farEnd.stack.stats()).toEqual({
    serverTransactions: 0,
    clientTransactions: 0,
    dialogs: 0,
    flows: 0,
    timers: 0,
  });
});

describe('a missed call', () => {
  it('is hung up by the caller when it has rung for a moment', async () => {
    const incoming = farEnd.nextCall();
    lab.dial(own, '+14155559002', { ringMs: 50 });
    const call = await incoming;
    expect(call.session.request.uri).toContain('+14155559002');
    const cancelled = new Promise((resolve) => call.session.on('cancelled', resolve));
    call.session.progress(180);
    await cancelled;
    await eventually(() => expect(theCall()).toMatchObject({ state: 'ended', release: { by: 'caller' } }));
  });

  it('is hung up also when somebody answers, and is over when it is refused', async () => {
    let incoming = farEnd.nextCall();
    lab.dial(own, '+14155559002', { ringMs: 50 });
    (await incoming).accept();
    await eventually(() => expect(theCall()).toMatchObject({ state: 'ended', release: { by: 'caller' } }));
    incoming = farEnd.nextCall();
    lab.dial(own, '+14155559002', { ringMs: 50 });
    (await incoming).session.reject(603);
    await eventually(() => expect(theCall()).toMatchObject({ release: { by: 'ringthrough', q850: 21 } }));
  });
});

describe('a CDMA phone', () => {
  const cdma = '+13125550142';

  it('forwards with feature codes, and has only a tone to show for it', async () => {
    expect(lab.dial(cdma, '*713125559000')).toMatchObject({ ok: true, lines: ['Confirmation tone.'] });
    expect(Object.keys(lab.handset(cdma).forwardings).sort()).toEqual(['busy', 'no-reply', 'not-reachable']);
    lab.setCoverage(cdma, 'off');
    const incoming = farEnd.nextCall();
    lab.dial(caller, cdma);
    const { session } = await incoming;
    expect(session.request.uri).toContain('+13125559000');
    session.reject(486);
    lab.setCoverage(cdma, 'covered');
    lab.dial(cdma, '*73');
    expect(lab.handset(cdma).forwardings).toEqual({});
  });

  it('knows no MMI code', () => {
    expect(() => lab.dial(cdma, '**004*+13125559000#')).toThrow(/no such code/);
  });
});

describe('the carrier’s own voicemail', () => {
  it('answers a call of Ringthrough, greets it, and says that the call was forwarded', async () => {
    lab.setCarrierVoicemail(own, true);
    lab.setCoverage(own, 'no-coverage');
    const [{ sip } = { sip: { port: 0 } }] = lab.carriers();
    const call = await farEnd.call({ number: own, from: cNumber, port: sip.port });
    await eventually(() => expect(call.seen).toEqual([181, 180, 200]));
    await eventually(() => expect(call.ear.tones.some(({ hz }) => hz === 1000)).toBe(true));
    call.session.bye();
    await eventually(() => expect(theCall().state).toBe('ended'));
  });
});
