import { describe, expect, it } from 'vitest';
import { MemoryNetwork, VirtualClock } from '../testing/index.ts';
import { register } from './registration.ts';
import { SipStack } from './sip-stack.ts';

type Answer = { status: number; headers?: Array<[string, string]> } | 'silence';

/** A registrar that gives these answers, one after the other, and then the last one for ever. */
async function course(
  answers: Answer[],
  options: { expiresSeconds?: number; seconds: number; stopAfter?: number },
) {
  const clock = new VirtualClock(0);
  const network = new MemoryNetwork({ clock });
  const make = async (host: string) => {
    const stack = new SipStack({
      userAgent: 'x',
      clock,
      network: network.host(host),
      listeners: [{ protocol: 'udp', host, port: 5060 }],
    });
    await stack.start();
    return stack;
  };
  const [phone, registrar] = [await make('10.0.0.1'), await make('10.0.0.2')];
  const asked: Array<{ at: number; expires: string }> = [];
  const sequences: number[] = [];
  const told: string[] = [];
  registrar.on('request', (incoming) => {
    const { headers } = incoming.request;
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ at: Math.round(clock.now() / 1000), expires: headers.get('Expires') ?? '' });
    sequences.push(Number(headers.get('CSeq')?.split(' ')[0]));
    if (answer !== undefined && answer !== 'silence')
      incoming.respond(answer.status, { headers: answer.headers ?? [] });
    return true;
  });
  const registration = register({
    stack: phone,
    address: 'sip:a@10.0.0.2',
    target: { protocol: 'udp', host: '10.0.0.2', port: 5060 },
    clock,
    expiresSeconds: options.expiresSeconds ?? 600,
    registered: ({ status }) => told.push(`registered ${status}`),
    failed: ({ status }) => told.push(`failed ${status}`),
  });
  await clock.advance((options.stopAfter ?? options.seconds) * 1_000);
  if (options.stopAfter !== undefined) {
    void registration.stop();
    await clock.advance((options.seconds - options.stopAfter) * 1_000);
  }
  const { state } = registration;
  const result = { asked: [...asked], told: [...told], state };
  if (options.stopAfter === undefined) void registration.stop();
  await clock.advance(200_000);
  for (const stack of [phone, registrar]) {
    expect(stack.stats()).toMatchObject({ clientTransactions: 0, serverTransactions: 0, timers: 0 });
    await stack.close();
  }
  expect(clock.pending).toBe(0);
  // Section 10.2: one Call-ID, and each number larger than the one before.
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  return result;
}

const granted = (seconds: number): Answer => ({ status: 200, headers: [['Expires', String(seconds)]] });

describe('RFC 3261 10.2: the registration client, each answer in each state', () => {
  it.each<[string, Answer[], number, { told: string[]; state: string; asked: number }]>([
    ['registering, 200', [granted(600)], 100, { told: ['registered 200'], state: 'registered', asked: 1 }],
    [
      'registering, 404: failed, and tried again',
      [{ status: 404 }],
      1,
      { told: ['failed 404'], state: 'failed', asked: 1 },
    ],
    [
      'registering, 401 without credentials',
      [{ status: 401, headers: [['WWW-Authenticate', 'Digest realm="r", nonce="n"']] }],
      1,
      { told: ['failed 401'], state: 'failed', asked: 1 },
    ],
    [
      '10.2.8: registering, 423 with a larger Min-Expires: at once again, for so long',
      [{ status: 423, headers: [['Min-Expires', '1200']] }, granted(1_200)],
      100,
      { told: ['registered 200'], state: 'registered', asked: 2 },
    ],
    [
      '10.2.8: registering, 423 that asks for no more than was asked',
      [{ status: 423, headers: [['Min-Expires', '60']] }],
      1,
      { told: ['failed 423'], state: 'failed', asked: 1 },
    ],
    [
      'registering, 423 without Min-Expires',
      [{ status: 423 }],
      1,
      { told: ['failed 423'], state: 'failed', asked: 1 },
    ],
    [
      '20.33: registering, 503 with Retry-After: not before',
      [{ status: 503, headers: [['Retry-After', '50']] }],
      49,
      { told: ['failed 503'], state: 'failed', asked: 1 },
    ],
    [
      '20.33: and then',
      [{ status: 503, headers: [['Retry-After', '50']] }, granted(600)],
      52,
      { told: ['failed 503', 'registered 200'], state: 'registered', asked: 2 },
    ],
    ['17.1.2.2: registering, silence', ['silence'], 31, { told: [], state: 'registering', asked: 1 }],
    [
      '17.1.2.2: registering, silence for 64*T1',
      ['silence'],
      33,
      { told: ['failed 408'], state: 'failed', asked: 1 },
    ],
    [
      'failed, 200: registered again',
      [{ status: 500 }, granted(600)],
      10,
      { told: ['failed 500', 'registered 200'], state: 'registered', asked: 2 },
    ],
    [
      '10.2.4: registered, refreshed in good time',
      [granted(100)],
      90,
      { told: ['registered 200', 'registered 200'], state: 'registered', asked: 2 },
    ],
    [
      'registered, the refresh is refused',
      [granted(100), { status: 500, headers: [['Retry-After', '500']] }],
      95,
      { told: ['registered 200', 'failed 500'], state: 'failed', asked: 2 },
    ],
    [
      '10.2.4: registered, for less than was asked: refreshed by what was granted',
      [granted(20)],
      18,
      { told: ['registered 200', 'registered 200'], state: 'registered', asked: 2 },
    ],
  ])('%s', async (_title, answers, seconds, { told, state, asked }) => {
    const result = await course(answers, { seconds });
    expect({
      told: result.told.slice(0, told.length),
      state: result.state,
      asked: result.asked.length,
    }).toEqual({
      told,
      state,
      asked,
    });
  });

  it.each<[string, Answer[], number, string[]]>([
    ['registered', [granted(600)], 10, ['600', '0']],
    ['failed', [{ status: 500, headers: [['Retry-After', '900']] }], 10, ['600', '0']],
    ['registering: after the answer', ['silence', granted(0)], 10, ['600', '0']],
  ])(
    '10.2.2: stopped while %s: one REGISTER with Expires 0, and no other',
    async (_state, answers, stopAfter, expected) => {
      const { asked, state } = await course(answers, { seconds: 2_000, stopAfter });
      expect(asked.map(({ expires }) => expires)).toEqual(expected);
      expect(state).toBe('stopped');
    },
  );

  it('RFC 5626 4.5: it is tried later and later, with chance, up to two minutes', async () => {
    const { asked } = await course([{ status: 500 }], { seconds: 1_500 });
    const waits = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
    for (const [index, wait] of waits.entries()) {
      const most = Math.min(2 * 2 ** index, 120);
      expect(wait).toBeGreaterThanOrEqual(most / 2 - 1);
      expect(wait).toBeLessThanOrEqual(most + 1);
    }
    expect(waits.length).toBeGreaterThan(10);
  });
});
