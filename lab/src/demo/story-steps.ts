import { parseWav, VoiceDetector, wavToMono } from '@ringthrough/rtp';
import type { Device, DeviceCall } from './device.ts';
import { eventually, within } from './eventually.ts';
import type { CallRecord, Person, VoicemailRecord } from './person.ts';
import type { LabCallControl, PhoneNetwork } from './phone-network.ts';
import type { Softphone } from './softphone.ts';
import type { Timeline } from './timeline.ts';
import type { WebDevice } from './web-device.ts';

export const us = '+14155550101';
export const uk = '+447700900123';
export const callerUs = '+12125550199';
export const callerUk = '+447700900456';

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

/** What the parts of the story have in common: ringing, speaking, stopping, and what must be true then. */
export class StorySteps {
  protected readonly o: StoryOptions;
  protected browsers: WebDevice[] = [];
  protected softphone: Softphone | undefined;
  protected ringing: DeviceCall[] = [];

  constructor(options: StoryOptions) {
    this.o = options;
  }

  async close(): Promise<void> {
    const devices = this.devices;
    this.browsers = [];
    this.softphone = undefined;
    await Promise.all(devices.map((device) => device.close()));
  }

  protected get devices(): Device[] {
    return [...this.browsers, ...(this.softphone === undefined ? [] : [this.softphone])];
  }

  protected async registered(count: number): Promise<void> {
    await eventually(`${count} devices are registered`, 5000, async () => {
      const devices = await this.o.person.devices();
      return devices.filter((one) => one.registered).length === count ? true : undefined;
    });
  }

  /** Waits until these devices ring and the caller hears it. @returns when the INVITE left the switch */
  protected async ringAll(
    call: LabCallControl,
    expected: { called: string; caller: string },
    devices = this.devices,
  ): Promise<number> {
    const { timeline } = this.o;
    const arrival = await call.message('INVITE (SDP)');
    timeline.from(arrival.at);
    this.ringing = await within('all devices ring', 5000, Promise.all(devices.map((one) => one.nextCall())));
    const ringback = await call.message('180 Ringing');
    const times = this.ringing.map((one) => one.arrivedAt).sort((a, b) => a - b);
    timeline.lines([
      { at: arrival.at, text: 'arrival: INVITE from the switch on the C number' },
      { at: times[0]!, text: 'query answered, first device has its INVITE' },
      { at: times.at(-1)!, text: 'last device rings' },
      { at: ringback.at, text: 'first ring at the caller (180)' },
    ]);
    const right = this.ringing.every(
      (one) => one.calledNumber === expected.called && one.callerNumber === expected.caller,
    );
    timeline.check(`all ${times.length} ring and show who calls which number`, right);
    const view = await call.view();
    timeline.check('the caller hears ringback', view.state === 'alerting');
    return arrival.at;
  }

  /** One device answers; the others stop; tones pass both ways. */
  protected async converse(call: LabCallControl, winner: DeviceCall): Promise<void> {
    const { timeline } = this.o;
    await call.say({ toneHz: tones.caller, durationMs: 60_000 });
    const acceptedAt = Date.now();
    await within(`${winner.device} answers`, 5000, winner.accept());
    // A device has a mouth from its answer on.
    winner.say(tones.answering);
    const ok = await call.message('200 OK (SDP)');
    const stopped = await this.#othersStop(winner);
    const toDevice = await eventually(
      `${winner.device} hears the caller`,
      5000,
      () => winner.ear.tones.find((tone) => tone.hz === tones.caller)?.at,
    );
    const toCaller = await call.tone(tones.answering, 5000);
    timeline.lines([
      { at: acceptedAt, text: `${winner.device} accepts` },
      { at: ok.at, text: 'answer: 200 OK at the switch' },
      { at: stopped.at, text: `${stopped.causes.length} others stopped` },
      { at: toDevice, text: `first audio caller → ${winner.device} (${tones.caller} Hz recognised)` },
      { at: toCaller, text: `first audio ${winner.device} → caller (${tones.answering} Hz recognised)` },
    ]);
    this.#checkCauses(stopped.causes, (cause) => cause === 200);
    const view = await call.view();
    const until = (view.answeredAt ?? Date.now()) + callSeconds * 1000;
    await eventually('the conversation', callSeconds * 1000 + 1000, () =>
      Date.now() >= until ? true : undefined,
    );
    // One after the other: on a busy machine a frame comes late now and then, here and there.
    await eventually(`${winner.device} still hears the caller`, 3000, () =>
      winner.ear.toneHz === tones.caller ? true : undefined,
    );
    await eventually('the caller still hears the device', 3000, async () =>
      (await call.hears()).toneHz === tones.answering ? true : undefined,
    );
    timeline.check(`both hear the other: ${view.codec} on the trunk, ${winner.codec} at the device`, true);
  }

  /** All ringing devices but one fall silent, for the right reason. */
  protected async allStop(
    why: string,
    isRight: (cause: number | undefined) => boolean,
    options: { except?: DeviceCall | undefined; limitMs?: number } = {},
  ): Promise<void> {
    const { at, causes } = await this.#othersStop(options.except, options.limitMs);
    this.o.timeline.line(`${causes.length} devices stopped: ${why}`, at);
    this.#checkCauses(causes, isRight);
  }

  /** @returns when the last one fell silent, and what each was told */
  async #othersStop(
    except?: DeviceCall,
    limitMs = 3000,
  ): Promise<{ at: number; causes: Array<number | undefined> }> {
    const others = this.ringing.filter((one) => one !== except);
    const stopped = await within(
      'the others stop ringing',
      limitMs,
      Promise.all(others.map((one) => one.stopped)),
    );
    return { at: Math.max(...stopped.map((one) => one.at)), causes: stopped.map((one) => one.cause) };
  }

  #checkCauses(causes: Array<number | undefined>, isRight: (cause: number | undefined) => boolean): void {
    const told = causes.map((cause) => cause ?? 'none').join(', ');
    this.o.timeline.check('each was told the true reason', causes.every(isRight), `cause ${told}`);
  }

  /** The caller hears the greeting out, speaks, and hangs up. */
  protected async leaveMessage(call: LabCallControl): Promise<void> {
    const { timeline } = this.o;
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

  protected async storedMessage(before: number): Promise<{ record: VoicemailRecord }> {
    const { person, timeline } = this.o;
    const hungUpAt = Date.now();
    const record = await eventually('the message is in the client', 2000, async () => {
      const list = await person.voicemails();
      return list.length > before ? list[0] : undefined;
    });
    timeline.line(`the message is in the client: ${(record.durationMs / 1000).toFixed(1)} s`);
    timeline.check('within two seconds', Date.now() - hungUpAt < 2000);
    return { record };
  }

  protected async checkAudio(record: VoicemailRecord): Promise<void> {
    const { person, timeline } = this.o;
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

  protected async logged(expected: {
    since: number;
    outcome: string;
    number: string;
    client?: string;
    carrier?: string;
    reason?: string;
  }): Promise<void> {
    const { person, timeline } = this.o;
    const record = await eventually('the call is in the log', 3000, async () =>
      (await person.calls()).find((one) => one.arrivedAt >= expected.since - 50 && one.endedAt !== null),
    );
    const right =
      record.number === expected.number &&
      record.outcome === expected.outcome &&
      (expected.client === undefined || record.codecs?.client === expected.client) &&
      (expected.carrier === undefined || record.codecs?.carrier === expected.carrier) &&
      (expected.reason === undefined || record.reason === expected.reason);
    timeline.check('the call log shows it', right, describe(record));
  }
}

function describe({ outcome, codecs, durationMs, device, reason }: CallRecord): string {
  const sound =
    codecs === null || codecs.client === null
      ? ''
      : `, ${codecs.carrier ?? 'nothing'} ↔ ${codecs.client ?? 'nothing'}`;
  const lasted = durationMs === null || durationMs === 0 ? '' : `, ${(durationMs / 1000).toFixed(1)} s`;
  return `${outcome}, ${reason}${device === null ? '' : `, ${device.name}`}${sound}${lasted}`;
}
