export { callerName, titleScreen } from './alert.ts';
export { askForMicrophone, type MicrophoneStatus, microphoneStatus } from './microphone.ts';
export {
  dispatch,
  phoneState,
  sendTone,
  startAudioTest,
  startPhone,
  stopPhone,
  watchSystem,
} from './phone.ts';
export { canSound } from './ringtone.ts';
export {
  type Call,
  type Connection,
  isLive,
  type MicrophoneProblem,
  type Outcome,
  type Phase,
} from './state.ts';
