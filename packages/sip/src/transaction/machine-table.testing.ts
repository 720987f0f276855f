import { expect } from 'vitest';
import { SipRequest, SipResponse } from '../message/index.ts';
import type { Output, TimerName } from './machine.ts';

export const timers = { t1: 500, t2: 4_000, t4: 5_000, timerD: 32_000 };
export const start = 1_000;

export const requestOf = (method: string, tag = '') =>
  new SipRequest(method, 'sip:bob@biloxi.example', {
    headers: [
      ['Via', 'SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKkjshdyff'],
      ['Via', 'SIP/2.0/UDP further.example;branch=z9hG4bKother'],
      ['Route', '<sip:proxy.example;lr>'],
      ['From', 'Alice <sip:alice@atlanta.example>;tag=88sja8x'],
      ['To', `Bob <sip:bob@biloxi.example>${tag}`],
      ['Call-ID', '987asjd97y7atg'],
      ['CSeq', `986759 ${method}`],
    ],
  });
const responseOf = (status: number) =>
  new SipResponse(status, 'x', { headers: [['To', 'Bob <sip:bob@biloxi.example>;tag=314159']] });

/** An output in short: `send INVITE`, `resend 486`, `arm A 1500`, `cancel B`, `response 180`, `finished`. */
function short(output: Output): string {
  switch (output.type) {
    case 'send': {
      const { message } = output;
      return `${output.retransmission ? 'resend' : 'send'} ${message.kind === 'request' ? message.method : message.status}`;
    }
    case 'arm':
      return `arm ${output.timer} ${output.at - start}`;
    case 'cancel':
      return `cancel ${output.timer}`;
    case 'notify':
      if (output.event === 'response') return `response ${output.response.status}`;
      return output.event === 'ack' ? 'ack' : output.event;
    case 'finished':
      return 'finished';
  }
}

/** When a timer was armed for. */
export function armedAt(outputs: Output[], name: TimerName): number {
  for (const output of outputs) if (output.type === 'arm' && output.timer === name) return output.at;
  throw new Error(`timer ${name} was not armed`);
}

interface Machine<Input> {
  readonly state: string;
  handle(input: Input, now: number): Output[];
}

export type Step<Input> = [input: Input, after: number];

/** Brings a machine into a state by inputs, then tells what one more input does. */
export function table<Input>(
  make: (reliable: boolean) => Machine<Input>,
  ways: Record<string, Step<Input>[]>,
) {
  return (reliable: boolean, way: string, input: Input, at = 0) => {
    const machine = make(reliable);
    for (const [before, after] of ways[way]!) machine.handle(before, start + after);
    const expected = way.split(' ')[0];
    if (expected !== 'New') expect(machine.state).toBe(expected);
    const outputs = machine.handle(input, start + at).map(short);
    return `${outputs.join(', ') || 'nothing'} → ${machine.state}`;
  };
}

export const response = (status: number) => ({ type: 'response', response: responseOf(status) }) as const;
export const timer = (name: TimerName) => ({ type: 'timer', timer: name }) as const;
export const begin = { type: 'start' } as const;
export const error = { type: 'transportError' } as const;
export const abandon = { type: 'abandon' } as const;
export const respond = (status: number) => ({ type: 'respond', response: responseOf(status) }) as const;
export const request = (method: string) => ({ type: 'request', request: requestOf(method) }) as const;
