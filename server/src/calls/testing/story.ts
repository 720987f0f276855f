import { Call } from '../call.ts';
import type { CallInput, CallLimits, CallOutput, CallSummary, RingTarget } from '../call-types.ts';

export const limits: CallLimits = {
  ringTimeoutMs: 30_000,
  noRingMs: 10_000,
  maxDurationMs: 3_600_000,
  graceMs: 8_000,
  connectTimeoutMs: 5_000,
  deviceLostMs: 10_000,
  maxLegs: 20,
};

export const phone: RingTarget = { deviceId: 'phone', contactUri: 'sip:phone@10.0.0.1' };
export const laptop: RingTarget = { deviceId: 'laptop', contactUri: 'sip:laptop@10.0.0.2' };
export const tablet: RingTarget = { deviceId: 'tablet', contactUri: 'sip:tablet@10.0.0.3' };

/** Feeds a call step by step; `say` prints outputs as short words so that a test reads like the rule. */
export class Story {
  readonly call = new Call(limits, 1000);
  readonly all: CallOutput[] = [];
  now = 1000;

  input(input: CallInput, afterMs = 100): string[] {
    this.now += afterMs;
    const outputs = this.call.input(input, this.now);
    this.all.push(...outputs);
    return outputs.map(say).filter((word) => word !== 'changed');
  }

  get summary(): CallSummary | undefined {
    return this.all.find((output) => output.type === 'record')?.summary;
  }
}

function say(output: CallOutput): string {
  switch (output.type) {
    case 'start-leg':
      return `start ${output.legId} ${output.device.deviceId}`;
    case 'cancel-leg':
    case 'bye-leg':
      return `${output.type === 'cancel-leg' ? 'cancel' : 'bye'} ${output.legId} ${output.reason}`;
    case 'leg-over':
    case 'connect':
    case 'answer-caller':
      return `${output.type} ${output.legId}`;
    case 'hand-over':
      return `hand-over ${output.reason}`;
    case 'end-caller':
      return `end-caller ${output.cause}`;
    case 'arm-timer':
    case 'cancel-timer':
      return `${output.type === 'arm-timer' ? 'arm' : 'disarm'} ${output.timer}`;
    case 'record':
      return `record ${output.summary.outcome} ${output.summary.cause}`;
    default:
      return output.type;
  }
}

/** All of them ring. */
export function ringing(...devices: RingTarget[]): Story {
  const story = new Story();
  story.input({ type: 'arrived', devices });
  devices.forEach((_, index) => {
    story.input({ type: 'leg-ringing', legId: String(index + 1) });
  });
  return story;
}

/** The first one has the call. */
export function connected(...devices: RingTarget[]): Story {
  const story = ringing(...devices);
  story.input({ type: 'leg-answered', legId: '1' });
  story.input({ type: 'media-ready', legId: '1' });
  devices.slice(1).forEach((_, index) => {
    story.input({ type: 'leg-rejected', legId: String(index + 2), status: 487 });
  });
  return story;
}
