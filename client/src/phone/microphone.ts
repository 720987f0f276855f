import { signal } from '@preact/signals';
import type { MicrophoneProblem } from './state.ts';

/** What is known of the microphone before it is used. */
export type MicrophoneStatus = 'unknown' | 'prompt' | 'granted' | MicrophoneProblem;

export const microphoneStatus = signal<MicrophoneStatus>('unknown');

const constraints: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: false,
};

/** Thrown by {@link openMicrophone}; `problem` has words in `texts.ts`. */
export class MicrophoneError extends Error {
  readonly problem: MicrophoneProblem;
  constructor(problem: MicrophoneProblem, cause?: unknown) {
    super(`microphone: ${problem}`, { cause });
    this.problem = problem;
  }
}

/** Finds out whether the microphone may be used, without asking, and keeps `microphoneStatus` up to date. */
export async function watchMicrophone(): Promise<void> {
  if (!navigator.mediaDevices) {
    microphoneStatus.value = 'insecure';
    return;
  }
  try {
    const permission = await navigator.permissions.query({ name: 'microphone' as PermissionName });
    const read = () => {
      microphoneStatus.value = permission.state;
    };
    permission.onchange = read;
    read();
  } catch {
    // Firefox before 131 does not tell; the person is asked at the first use.
    microphoneStatus.value = 'prompt';
  }
}

/** Opens the microphone. @throws MicrophoneError */
export async function openMicrophone(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new MicrophoneError('insecure');
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    microphoneStatus.value = 'granted';
    return stream;
  } catch (error) {
    const problem = problemOf(error);
    microphoneStatus.value = problem;
    throw new MicrophoneError(problem, error);
  }
}

/** Asks for permission ahead of the first call. */
export async function askForMicrophone(): Promise<void> {
  try {
    closeStream(await openMicrophone());
  } catch {
    // microphoneStatus says what is wrong.
  }
}

export function closeStream(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function problemOf(error: unknown): MicrophoneProblem {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  if (name === 'NotReadableError' || name === 'AbortError') return 'in-use';
  return 'denied';
}
