import type { MediaLeg, RecordingResult } from '../media/index.ts';
import type { CarrierLeg } from './types.ts';

export interface TakeMessageSettings {
  /** 16-bit PCM WAV. */
  greetingFile: string;
  beep: { toneHz: number; durationMs: number };
  maxMessageMs: number;
  /** The recording stops by itself after this much silence. */
  maxSilenceMs: number;
}

export interface TakenMessage {
  /** Undefined when the caller was not answered. */
  answeredAt: number | undefined;
  /** Undefined when nothing was recorded. */
  recording: RecordingResult | undefined;
}

/**
 * Greeting, beep, recording (R-VM). Ends when the caller hangs up or presses `#`, after silence, or at the maximum;
 * hangs up if the caller has not. `#` during the greeting goes straight to the beep.
 * @throws when the media or the disk fails: what was recorded until then is where `begin` said, and the caller is the
 * owner's to let go, with the cause
 * @param begin gives the path to record to, just before the recording starts
 */
export async function takeMessage(
  carrier: CarrierLeg,
  settings: TakeMessageSettings,
  context: { begin: () => Promise<string>; now: () => number; greetingFailed: (error: unknown) => void },
): Promise<TakenMessage> {
  const caller = new Caller(carrier);
  try {
    if (caller.gone || !(await carrier.answer())) return { answeredAt: undefined, recording: undefined };
    const answeredAt = context.now();
    await greet(carrier.media, caller, settings, context.greetingFailed);
    const recording = caller.gone ? undefined : await record(carrier.media, caller, settings, context.begin);
    if (!caller.gone)
      carrier.session.bye({ headers: [['Reason', 'Q.850;cause=16;text="Normal call clearing"']] });
    return { answeredAt, recording };
  } finally {
    caller.forget();
  }
}

/** Watches the caller: hang-up and keys, from before the first step on. */
class Caller {
  gone = false;
  readonly #stops: Array<() => void>;
  #wake: Array<() => void> = [];

  constructor(carrier: CarrierLeg) {
    const { session, media } = carrier;
    this.gone = session.state === 'terminated';
    const left = () => {
      this.gone = true;
      this.#notify();
    };
    this.#stops = [
      session.on('cancelled', left),
      session.on('ended', left),
      carrier.onKey((key) => {
        if (key === '#') this.#notify();
      }),
      // Nothing comes any more: the caller's path is broken, or our own media is.
      media.on('silent', () => this.#notify()),
    ];
  }

  /** Resolves when the caller hangs up, presses `#` or is heard no more from now on. */
  done(): Promise<void> {
    if (this.gone) return Promise.resolve();
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  forget(): void {
    for (const stop of this.#stops) stop();
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

async function greet(
  media: MediaLeg,
  caller: Caller,
  settings: TakeMessageSettings,
  failed: (error: unknown) => void,
): Promise<void> {
  let over = false;
  const finish = () => {
    over = true;
  };
  // A greeting that cannot be played must not cost the message.
  const playing = media.play({ file: settings.greetingFile }).catch(failed).then(finish);
  const interrupted = caller.done().then(() => (over ? undefined : media.stopPlaying().catch(failed)));
  await Promise.race([playing, interrupted]);
  if (caller.gone) return;
  const beep = media.play(settings.beep).catch(failed);
  await Promise.race([beep, caller.done()]);
}

async function record(
  media: MediaLeg,
  caller: Caller,
  settings: TakeMessageSettings,
  begin: () => Promise<string>,
): Promise<RecordingResult> {
  const path = await begin();
  const ended = Promise.withResolvers<RecordingResult>();
  const stops = [
    media.on('recordingEnded', ended.resolve),
    // Throws what the disk said: the caller is let go at once, and what was written is kept for the next start.
    media.on('recordingFailed', () => void media.stopRecording().then(ended.resolve, ended.reject)),
  ];
  try {
    await media.record({ path, maxDurationMs: settings.maxMessageMs, maxSilenceMs: settings.maxSilenceMs });
    // By itself, or because the caller is done; when both happen at once, the result is the same.
    const stopped = caller.done().then(() => media.stopRecording());
    return await Promise.race([ended.promise, stopped]);
  } finally {
    for (const stop of stops) stop();
  }
}
