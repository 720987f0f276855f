import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { voicemailAudioUrl } from '../api/client.ts';
import { formatDuration } from '../format/time.ts';
import { resources } from '../state/data.ts';
import { say } from '../state/messages.ts';
import { texts } from '../texts/index.ts';
import { IconButton } from '../ui/button.tsx';

let playing: HTMLAudioElement | undefined;

/** The browser fetches the audio by itself, and cannot go on with the session when its access token has expired. */
async function play(element: HTMLAudioElement): Promise<void> {
  try {
    await element.play();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    await resources.account.refresh();
    element.load();
    await element.play();
  }
}

/** Plays one message; starting another stops this one. */
export function Player(props: { id: string; caller: string; durationMs: number; onHeard: () => void }) {
  const audio = useRef<HTMLAudioElement>(null);
  const running = useSignal(false);
  const position = useSignal(0);

  const toggle = async () => {
    const element = audio.current;
    if (!element) return;
    if (!element.paused) {
      element.pause();
      return;
    }
    if (playing !== element) playing?.pause();
    playing = element;
    try {
      await play(element);
      props.onHeard();
    } catch (error) {
      // Interrupted by pause() is no failure.
      if (!(error instanceof DOMException && error.name === 'AbortError')) say(texts.voicemail.failed, 'bad');
    }
  };

  return (
    <>
      <IconButton
        icon={running.value ? 'pause' : 'play'}
        label={running.value ? texts.voicemail.pause : texts.voicemail.play(props.caller)}
        solid
        onClick={() => void toggle()}
      />
      <input
        type="range"
        aria-label={texts.voicemail.position}
        aria-valuetext={formatDuration(position.value)}
        min={0}
        max={Math.max(props.durationMs, 1)}
        step={100}
        value={position.value}
        onInput={(event) => {
          position.value = Number(event.currentTarget.value);
          if (audio.current) audio.current.currentTime = position.value / 1000;
        }}
      />
      <span class="small soft num" aria-hidden="true">
        {formatDuration(position.value)}
      </span>
      {/* biome-ignore lint/a11y/useMediaCaption: a caller's message has no captions. */}
      <audio
        ref={audio}
        src={voicemailAudioUrl(props.id)}
        preload="none"
        onPlay={() => {
          running.value = true;
        }}
        onPause={() => {
          running.value = false;
        }}
        onEnded={() => {
          position.value = 0;
        }}
        onTimeUpdate={(event) => {
          position.value = event.currentTarget.currentTime * 1000;
        }}
      />
    </>
  );
}
