import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { CallAudio } from './audio.ts';
import { duration } from './format.ts';
import { PhoneIcon } from './phone-icon.tsx';
import { act, notice, snapshot } from './store.ts';

/** Answer, hang up, speak and listen, in the phone that has a call. */
export function CallControls({ handset, pressed }: { handset: HandsetView; pressed: string }) {
  const { call, number } = handset;
  if (call === null) return null;
  const ringing = handset.state === 'ringing';
  return (
    <div class="call-controls">
      <div class="row">
        {ringing && (
          <button
            type="button"
            class="round call"
            aria-label="Answer"
            onClick={() => void act(() => api.answer(number))}
          >
            <PhoneIcon />
          </button>
        )}
        {!ringing && <CallClock callId={call.id} />}
        <button
          type="button"
          class="round end"
          aria-label={ringing ? 'Decline' : 'Hang up'}
          onClick={() => void act(() => api.hangUp(number))}
        >
          <PhoneIcon />
        </button>
      </div>
      {pressed !== '' && (
        <p class="small soft">
          Keys pressed: <span class="num">{pressed}</span>
        </p>
      )}
      {!ringing && <Speech key={call.id} callId={call.id} number={number} active={call.state === 'active'} />}
    </div>
  );
}

function CallClock({ callId }: { callId: string }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const since = snapshot.value?.calls.find((one) => one.id === callId)?.answeredAt;
  return <span class="clock num">{typeof since === 'number' ? duration(now - since) : '–:––'}</span>;
}

/** The meter of what is heard, the microphone, and sentences for those who have none. */
function Speech({ callId, number, active }: { callId: string; number: string; active: boolean }) {
  const level = useSignal(0);
  const live = useSignal<'off' | 'starting' | 'on' | 'listening'>('off');
  const [audio] = useState(
    () => new CallAudio(api.audioUrl(callId, number), (value) => (level.value = value)),
  );
  useEffect(() => {
    audio.open();
    return () => audio.close();
  }, [audio]);
  const toggle = async () => {
    if (live.value === 'starting') return;
    if (live.value !== 'off') {
      audio.silence();
      live.value = 'off';
      return;
    }
    live.value = 'starting';
    const microphone = await audio.goLive();
    live.value = microphone ? 'on' : 'listening';
    if (!microphone)
      notice.value = {
        kind: 'hint',
        text: 'No microphone here: you hear the call, and can say the sentences.',
      };
  };
  const speak = (prompt: string) => void act(() => api.speak(number, { prompt }));
  return (
    <>
      <div class="meter" aria-hidden="true">
        <span style={{ transform: `scaleX(${level.value})` }} />
      </div>
      <div class="suggestions">
        <button type="button" class="chip" aria-pressed={live.value !== 'off'} onClick={() => void toggle()}>
          {live.value === 'off'
            ? 'Speak and listen'
            : live.value === 'starting'
              ? 'Starting …'
              : live.value === 'on'
                ? 'Microphone on'
                : 'Listening'}
        </button>
        <button type="button" class="chip" disabled={!active} onClick={() => speak('hello')}>
          Say hello
        </button>
        <button type="button" class="chip" disabled={!active} onClick={() => speak('message')}>
          Say a message
        </button>
      </div>
    </>
  );
}
