import { parseWav, VoiceDetector, wavToMono } from '@ringthrough/rtp';
import type { Device, DeviceCall } from './device.ts';
import { eventually, within } from './eventually.ts';
import type { CallRecord, Person, VoicemailRecord } from './person.ts';
import type { LabCallControl, PhoneNetwork } from './phone-network.ts';
import { Softphone } from './softphone.ts';
import type { Timeline } from './timeline.ts';
import { WebDevice } from './web-device.ts';

const us = '+14155550101';
const uk = '+447700900123';
const callerUs = '+12125550199';
const callerUk = '+447700900456';

/** Told apart by the detectors at the other end. */
const tones = { caller: 700, answering: 1000 };
const callSeconds = 2;
/** Of the service's beep after the greeting. */
const beepHz = 1000;

export interface StoryOptions {
  origin: string;
  person: Person;
  network: PhoneNetwork;
  timeline: Timeline;
  ringTimeoutSeconds: number;
}

/** The whole story of the first issue, step by step; each step checks what it promises. */
export class Story {
  readonly #o: StoryOptions;
  #devices: Device[] = [];
  #ringing: DeviceCall[] = [];

  constructor(options: StoryOptions) {
    this.#o = options;
  }

  async tell(): Promise<void> {
    await this.#account();
    await this.#forwarding();
    await this.#register();
    await this.#answeredInBrowser();
    await this.#answeredOnSoftphone();
    await this.#callerGivesUp();
    await this.#voicemail();
    await this.#missedCall();
    await this.#notLinked();
    await this.#nobodyThere();
  }

  async close(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.close()));
    this.#devices = [];
  }

  async #account(): Promise<void> {
    const { person, timeline, origin } = this.#o;
    timeline.chapter('Sign-up: two SIMs of two carriers, codes by SMS on the lab’s handsets');
    const first = await person.signUp(us, 'Browser 1');
    timeline.line(`account with ${us}`);
    await person.link(uk);
    timeline.line(`${uk} linked`);
    const second = await person.logIn(us, 'Browser 2');
    const softphone = await person.addSoftphone('Softphone');
    this.#devices = [
      new WebDevice('Browser 1', first, origin),
      new WebDevice('Browser 2', second, origin),
      new Softphone('Softphone', softphone),
    ];
    const numbers = await person.numbers();
    timeline.check(
      'both numbers are there, the first is primary',
      numbers.length === 2 && numbers.some((one) => one.number === us && one.primary),
    );
  }

  async #forwarding(): Promise<void> {
    const { person, network, timeline } = this.#o;
    timeline.chapter('Forwarding: the codes the client shows, dialled on the handsets');
    for (const { number, forwarding } of await person.numbers()) {
      if (forwarding === null) throw new Error(`There is no forwarding code for ${number}.`);
      await network.dialCode(number, forwarding.activate);
      timeline.line(`${number} dials ${forwarding.activate}`);
    }
    const { forwardings } = await network.handset(us);
    timeline.check(
      'the switch forwards busy, unanswered and unreachable calls',
      Object.keys(forwardings).length === 3,
    );
  }

  async #register(): Promise<void> {
    const { person, timeline, network } = this.#o;
    timeline.chapter('Three devices register: two WebRTC (JsSIP, werift), one SIP softphone over UDP');
    for (const device of this.#devices) {
      await within(`${device.name} registers`, 5000, device.register());
      timeline.line(`${device.name} registered`);
    }
    const registered = (await person.devices()).filter((one) => one.registered).length;
    timeline.check('the account shows three registered devices', registered === 3, `${registered}`);
    await network.setCoverage(us, 'no-coverage');
    await network.setCoverage(uk, 'off');
    timeline.line(`${us} is out of coverage, ${uk} is switched off`);
  }

  async #answeredInBrowser(): Promise<void> {
    const { timeline, network } = this.#o;
    timeline.chapter(`Call 1: ${callerUs} dials ${us}; a browser answers and hangs up`);
    const call = await network.call(callerUs, us);
    const arrival = await this.#ringAll(call, { called: us, caller: callerUs });
    const winner = this.#ringing[0]!;
    await this.#converse(call, winner);
    winner.hangUp();
    const bye = await call.message('BYE');
    timeline.line(`${winner.device} hangs up`, bye.at);
    const ended = await call.reached('ended', 3000);
    timeline.line('end: the caller is released', ended.endedAt ?? 0);
    timeline.check('the caller was released normally', ended.release?.q850 === 16, ended.release?.text);
    await this.#logged({
      since: arrival,
      outcome: 'answered',
      number: us,
      client: 'opus',
      carrier: 'PCMU',
      reason: 'unreachable',
    });
  }

  async #answeredOnSoftphone(): Promise<void> {
    const { timeline, network } = this.#o;
    timeline.chapter(
      `Call 2: ${callerUk} dials ${uk} (History-Info); the softphone answers, the caller hangs up`,
    );
    const call = await network.call(callerUk, uk);
    const arrival = await this.#ringAll(call, { called: uk, caller: callerUk });
    const winner = this.#ringing.find((one) => one.device === 'Softphone')!;
    await this.#converse(call, winner);
    await call.hangUp();
    const end = await within('the softphone is released', 3000, winner.ended);
    timeline.line('end: the caller hung up, the softphone is released', end.at);
    await this.#logged({
      since: arrival,
      outcome: 'answered',
      number: uk,
      client: winner.codec ?? '',
      carrier: 'PCMA',
      reason: 'unreachable',
    });
  }

  async #callerGivesUp(): Promise<void> {
    const { timeline, network } = this.#o;
    timeline.chapter('Call 3: the caller gives up while all ring');
    const call = await network.call(callerUs, us);
    const arrival = await this.#ringAll(call, { called: us, caller: callerUs });
    await call.hangUp();
    await this.#allStop('caller gave up', (cause) => cause !== 200);
    await this.#logged({ since: arrival, outcome: ['cancelled', 'missed'], number: us });
  }

  async #voicemail(): Promise<void> {
    const { timeline, network, person } = this.#o;
    timeline.chapter('Call 4: one device declines for all; greeting, beep, message');
    const before = (await person.voicemails()).length;
    const call = await network.call(callerUs, us);
    const arrival = await this.#ringAll(call, { called: us, caller: callerUs });
    this.#ringing[1]!.reject(603);
    await this.#allStop('declined elsewhere', (cause) => cause === 603, this.#ringing[1]);
    await this.#leaveMessage(call);
    const stored = await this.#storedMessage(before);
    await this.#checkAudio(stored.record);
    await this.#logged({ since: arrival, outcome: 'voicemail', number: us });
  }

  async #missedCall(): Promise<void> {
    const { timeline, network, person, ringTimeoutSeconds } = this.#o;
    timeline.chapter(
      `Call 5: nobody accepts within ${ringTimeoutSeconds} s; the caller hangs up without a word`,
    );
    const before = (await person.voicemails()).length;
    const call = await network.call(callerUs, us);
    const arrival = await this.#ringAll(call, { called: us, caller: callerUs });
    await this.#allStop('time over', (cause) => cause === 480, undefined, (ringTimeoutSeconds + 3) * 1000);
    const answered = await call.reached('active', 3000);
    timeline.line('voicemail answers', answered.answeredAt ?? 0);
    await call.hangUp();
    timeline.line('the caller hangs up');
    await this.#logged({ since: arrival, outcome: 'missed', number: us });
    timeline.check('no message was stored', (await person.voicemails()).length === before);
  }

  async #notLinked(): Promise<void> {
    const { timeline, network } = this.#o;
    timeline.chapter(`Call 6: ${callerUk} forwards to the C number too, but nobody has linked it`);
    await network.dialCode(callerUk, '**21*+447700900999#');
    const call = await network.call(callerUs, callerUk);
    const ended = await call.reached('ended', 3000);
    timeline.from(ended.startedAt);
    timeline.line(`refused: ${ended.release?.text}`, ended.endedAt ?? 0);
    timeline.check('refused as a number that is not in service (404)', ended.release?.q850 === 1);
  }

  async #nobodyThere(): Promise<void> {
    const { timeline, network, person } = this.#o;
    timeline.chapter('Call 7: all devices are gone; voicemail at once, and an SMS when the handset is back');
    await this.close();
    await eventually('no device is registered', 5000, async () =>
      (await person.devices()).every((one) => !one.registered) ? true : undefined,
    );
    timeline.line('all devices deregistered');
    const before = (await person.voicemails()).length;
    const call = await network.call(callerUs, us);
    timeline.from((await call.message('INVITE (SDP)')).at);
    await this.#leaveMessage(call);
    await this.#storedMessage(before);
    const inboxBefore = (await network.handset(us)).inbox.length;
    await eventually('the SMS centre has the message', 10_000, async () =>
      (await network.handset(us)).waitingSms > 0 ? true : undefined,
    );
    timeline.line('the SMS centre keeps an SMS for the handset');
    timeline.check(
      'it is not delivered without coverage',
      (await network.handset(us)).inbox.length === inboxBefore,
    );
    await network.setCoverage(us, 'covered');
    const { inbox } = await network.handset(us);
    timeline.line(`back in coverage, SMS: “${inbox[0]?.text ?? ''}”`);
    timeline.check('the SMS is on the handset', inbox.length === inboxBefore + 1);
  }

  /** Waits until all devices ring and the caller hears it. @returns when the INVITE left the switch */
  async #ringAll(call: LabCallControl, expected: { called: string; caller: string }): Promise<number> {
    const { timeline } = this.#o;
    const arrival = await call.message('INVITE (SDP)');
    timeline.from(arrival.at);
    this.#ringing = await within(
      'all devices ring',
      5000,
      Promise.all(this.#devices.map((one) => one.nextCall())),
    );
    const ringback = await call.message('180 Ringing');
    const times = this.#ringing.map((one) => one.arrivedAt).sort((a, b) => a - b);
    timeline.lines([
      { at: arrival.at, text: 'arrival: INVITE from the switch on the C number' },
      { at: times[0]!, text: 'query answered, first device has its INVITE' },
      { at: times.at(-1)!, text: 'last device rings' },
      { at: ringback.at, text: 'first ring at the caller (180)' },
    ]);
    const right = this.#ringing.every(
      (one) => one.calledNumber === expected.called && one.callerNumber === expected.caller,
    );
    timeline.check('all three ring and show who calls which number', right && times.length === 3);
    const view = await call.view();
    timeline.check('the caller hears ringback', view.state === 'alerting');
    return arrival.at;
  }

  /** One device answers; the others stop; tones pass both ways. */
  async #converse(call: LabCallControl, winner: DeviceCall): Promise<void> {
    const { timeline } = this.#o;
    await call.say({ toneHz: tones.caller, durationMs: 60_000 });
    winner.say(tones.answering);
    const acceptedAt = Date.now();
    await within(`${winner.device} answers`, 5000, winner.accept());
    winner.say(tones.answering);
    const ok = await call.message('200 OK (SDP)');
    timeline.line(`${winner.device} accepts`, acceptedAt);
    timeline.line('answer: 200 OK at the switch', ok.at);
    await this.#allStop('answered elsewhere', (cause) => cause === 200, winner);
    const toDevice = await eventually(
      `${winner.device} hears the caller`,
      5000,
      () => winner.ear.tones.find((tone) => tone.hz === tones.caller)?.at,
    );
    const toCaller = await call.tone(tones.answering, 5000);
    timeline.lines([
      { at: toDevice, text: `first audio caller → ${winner.device} (${tones.caller} Hz recognised)` },
      { at: toCaller, text: `first audio ${winner.device} → caller (${tones.answering} Hz recognised)` },
    ]);
    const view = await call.view();
    timeline.check(
      `speech passes both ways, ${view.codec} on the trunk, ${winner.codec} at the device`,
      true,
    );
    const until = (view.answeredAt ?? Date.now()) + callSeconds * 1000;
    await eventually('the conversation', callSeconds * 1000 + 1000, () =>
      Date.now() >= until ? true : undefined,
    );
    timeline.check(
      'both still hear the other',
      winner.ear.toneHz === tones.caller && (await call.hears()).toneHz === tones.answering,
    );
  }

  /** All ringing devices but one fall silent, for the right reason. */
  async #allStop(
    why: string,
    isRight: (cause: number | undefined) => boolean,
    except?: DeviceCall,
    limitMs = 3000,
  ): Promise<void> {
    const others = this.#ringing.filter((one) => one !== except);
    const stopped = await within(
      'the others stop ringing',
      limitMs,
      Promise.all(others.map((one) => one.stopped)),
    );
    const last = Math.max(...stopped.map((one) => one.at));
    const { timeline } = this.#o;
    timeline.line(`${others.length} devices stopped: ${why}`, last);
    const causes = stopped.map((one) => one.cause ?? 'none').join(', ');
    timeline.check(
      'each was told the true reason',
      stopped.every((one) => isRight(one.cause)),
      `cause ${causes}`,
    );
  }

  /** The caller hears the greeting out, speaks, and hangs up. */
  async #leaveMessage(call: LabCallControl): Promise<void> {
    const { timeline } = this.#o;
    const answered = await call.reached('active', 5000);
    timeline.line('voicemail answers', answered.answeredAt ?? 0);
    const greeting = await eventually(
      'the caller hears the greeting',
      5000,
      async () => (await call.hears()).firstSoundAt ?? undefined,
    );
    timeline.line('the caller hears the greeting', greeting);
    const beep = await eventually(
      'the beep',
      20_000,
      async () => (await call.hears()).tones.find((tone) => tone.hz === beepHz)?.at,
    );
    timeline.line('the beep', beep);
    const { durationMs } = await call.say({ prompt: 'message' });
    const spokenAt = Date.now() + durationMs + 300;
    await eventually('the message is spoken', durationMs + 2000, () =>
      Date.now() >= spokenAt ? true : undefined,
    );
    await call.hangUp();
    timeline.line(`the caller has spoken for ${(durationMs / 1000).toFixed(1)} s and hangs up`);
  }

  async #storedMessage(before: number): Promise<{ record: VoicemailRecord }> {
    const { person, timeline } = this.#o;
    const hungUpAt = Date.now();
    const record = await eventually('the message is in the client', 2000, async () => {
      const list = await person.voicemails();
      return list.length > before ? list[0] : undefined;
    });
    timeline.line(`the message is in the client: ${(record.durationMs / 1000).toFixed(1)} s`);
    timeline.check('within two seconds', Date.now() - hungUpAt < 2000);
    return { record };
  }

  async #checkAudio(record: VoicemailRecord): Promise<void> {
    const { person, timeline } = this.#o;
    const wav = parseWav(await person.voicemailAudio(record.id));
    if (wav === undefined) throw new Error('The voicemail is no WAV file.');
    const voice = new VoiceDetector(wav.sampleRate);
    voice.push(wavToMono(wav));
    timeline.check(
      'it plays, with voice in it',
      voice.voiceMs > 2000,
      `${(voice.voiceMs / 1000).toFixed(1)} s of voice`,
    );
  }

  async #logged(expected: {
    since: number;
    outcome: string | string[];
    number: string;
    client?: string;
    carrier?: string;
    reason?: string;
  }): Promise<void> {
    const { person, timeline } = this.#o;
    const record = await eventually('the call is in the log', 3000, async () =>
      (await person.calls()).find((one) => one.arrivedAt >= expected.since - 50 && one.endedAt !== null),
    );
    const outcomes = [expected.outcome].flat();
    const right =
      record.number === expected.number &&
      outcomes.includes(record.outcome ?? '') &&
      (expected.client === undefined || record.codecs?.client === expected.client) &&
      (expected.carrier === undefined || record.codecs?.carrier === expected.carrier) &&
      (expected.reason === undefined || record.reason === expected.reason);
    timeline.check('the call log shows it', right, describe(record));
  }
}

function describe({ outcome, codecs, durationMs, device, reason }: CallRecord): string {
  const sound = codecs === null ? '' : `, ${codecs.carrier} ↔ ${codecs.client}`;
  const lasted = durationMs === null ? '' : `, ${(durationMs / 1000).toFixed(1)} s`;
  return `${outcome}, ${reason}${device === null ? '' : `, ${device.name}`}${sound}${lasted}`;
}
