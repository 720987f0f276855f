import type { DialResult } from '../src/lab.ts';
import type { LadderEntry } from '../src/ladder.ts';
import type { CarrierCondition, Coverage, RedirectionHeaders } from '../src/model/types.ts';
import type { ScenarioView } from '../src/parts/scenarios.ts';

/** An answer of the lab that is no success, in words for the person. */
export class ApiError extends Error {}

const base = `${import.meta.env.BASE_URL}api`;

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  const response = await fetch(`${base}${path}`, init).catch(() => {
    throw new ApiError('The lab does not answer. Is the server running?');
  });
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(problemTitle(answer));
  return answer as T;
}

function problemTitle(answer: unknown): string {
  if (
    typeof answer === 'object' &&
    answer !== null &&
    'title' in answer &&
    typeof answer.title === 'string'
  ) {
    return answer.title;
  }
  return 'The lab could not do that.';
}

const handset = (number: string, rest: string): string => `/handsets/${encodeURIComponent(number)}/${rest}`;

/** What the page asks of the lab. Every function rejects with an `ApiError`. */
export const api = {
  eventsUrl: `${base}/events`,
  audioUrl(callId: string, number: string): string {
    const url = new URL(`${base}/audio/${callId}`, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('handset', number);
    return url.href;
  },
  /** `ringMs`: a missed call, hung up when it has rung for so long. */
  dial: (number: string, typed: string, ringMs?: number) =>
    ask<DialResult>('POST', handset(number, 'dial'), {
      number: typed,
      ...(ringMs === undefined ? {} : { ringMs }),
    }),
  answer: (number: string) => ask('POST', handset(number, 'answer')),
  hangUp: (number: string) => ask('POST', handset(number, 'hangup')),
  pressKey: (number: string, key: string) => ask('POST', handset(number, 'keys'), { keys: key }),
  speak: (number: string, speech: { prompt: string } | { toneHz: number; durationMs: number }) =>
    ask<{ durationMs: number }>('POST', handset(number, 'speak'), speech),
  setCoverage: (number: string, coverage: Coverage) => ask('PUT', handset(number, 'coverage'), { coverage }),
  sendSms: (number: string, to: string, text: string) => ask('POST', handset(number, 'sms'), { to, text }),
  setCarrierVoicemail: (number: string, on: boolean) => ask('PUT', handset(number, 'voicemail'), { on }),
  clearInbox: (number: string) => ask('DELETE', handset(number, 'inbox')),
  setCarrier: (carrierId: string, change: { redirection?: RedirectionHeaders } & Partial<CarrierCondition>) =>
    ask('PATCH', `/carriers/${encodeURIComponent(carrierId)}`, change),
  ladder: (callId: string) => ask<LadderEntry[]>('GET', `/calls/${callId}/ladder`),
  ladderFile: (callId: string, kind: 'txt' | 'pcap') => `${base}/calls/${callId}/ladder.${kind}`,
  scenarios: () => ask<ScenarioView[]>('GET', '/scenarios'),
  loadScenario: (name: string) => ask<ScenarioView>('POST', `/scenarios/${encodeURIComponent(name)}`),
};
