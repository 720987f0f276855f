/**
 * Sounds made with WebAudio, so that nothing has to be loaded when a call arrives. Browsers let a page sound only
 * after the person has touched it once; `unlockSound` is called on the first touch.
 */
let context: AudioContext | undefined;
let stopRinging: (() => void) | undefined;

/** True when the browser lets us ring aloud. */
export function canSound(): boolean {
  return navigator.userActivation?.hasBeenActive ?? context?.state === 'running';
}

export function unlockSound(): void {
  context ??= new AudioContext();
  if (context.state === 'suspended') void context.resume();
}

/** Rings until {@link silence}: `full` for a call, `waiting` for a soft sign during another call. */
export function ring(kind: 'full' | 'waiting'): void {
  silence();
  unlockSound();
  const period = kind === 'full' ? 3000 : 4000;
  const round = () => {
    if (kind === 'full') playChime([659.3, 830.6, 987.8, 830.6], 0.16, 0.22);
    else playChime([880], 0.2, 0.06);
    if (kind === 'full') navigator.vibrate?.([400, 200, 400]);
  };
  round();
  const timer = setInterval(round, period);
  stopRinging = () => {
    clearInterval(timer);
    navigator.vibrate?.(0);
  };
}

export function silence(): void {
  stopRinging?.();
  stopRinging = undefined;
}

/** Two times the notes, `step` seconds apart, softly struck. */
function playChime(notes: number[], step: number, volume: number): void {
  if (context?.state !== 'running') return;
  const start = context.currentTime + 0.02;
  const repeats = notes.length > 1 ? 2 : 1;
  for (let round = 0; round < repeats; round++) {
    notes.forEach((frequency, index) => {
      strike(context as AudioContext, {
        frequency,
        volume,
        at: start + (round * (notes.length + 1.5) + index) * step,
      });
    });
  }
}

function strike(audio: AudioContext, note: { frequency: number; volume: number; at: number }): void {
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.type = 'triangle';
  oscillator.frequency.value = note.frequency;
  gain.gain.setValueAtTime(0.0001, note.at);
  gain.gain.exponentialRampToValueAtTime(note.volume, note.at + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, note.at + 0.45);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(note.at);
  oscillator.stop(note.at + 0.5);
}
