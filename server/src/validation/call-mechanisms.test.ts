import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mutedCarrier, VoiceWorld, voiceCarrier } from '../carrier/testing/index.ts';
import { type Language, languages } from '../config.ts';
import type { PlaySource } from '../media/index.ts';
import type { Beginning, MechanismRequest, ProofDesk, ValidationMechanism, Verdict } from './index.ts';
import { Keys, SpokenCode } from './index.ts';

const validationId = 'v1';
const number = '+14155550101';

/** Notes what a mechanism tells; judges keys as `Validations` does, as far as that matters here. */
class NotingDesk implements ProofDesk {
  readonly said: string[] = [];
  answer = '';
  attemptsLeft = 5;
  async report(_id: string, detail: string): Promise<void> {
    this.said.push(detail);
  }
  async fail(_id: string, detail: string): Promise<void> {
    this.said.push(`failed: ${detail}`);
  }
  async proveByAnswer({ answer }: { answer: string }): Promise<Verdict> {
    if (answer === this.answer) {
      this.said.push('proved');
      return 'proved';
    }
    this.attemptsLeft -= 1;
    const verdict = this.attemptsLeft === 0 ? 'void' : 'wrong';
    this.said.push(verdict);
    return verdict;
  }
  async proveBySource(): Promise<Verdict> {
    throw new Error('no incoming call here');
  }
}

let world: VoiceWorld;
let desk: NotingDesk;

beforeEach(async () => {
  world = await VoiceWorld.create({ maxDurationMs: 90_000 });
  desk = new NotingDesk();
});
afterEach(() => world.close());

const request = (spokenLanguage: Language = 'en'): MechanismRequest => ({
  validationId,
  number,
  carrier: voiceCarrier,
  language: 'fr',
  spokenLanguage,
  expiresAt: 600_000,
  lifetimeMs: 600_000,
});

async function begin(mechanism: ValidationMechanism, language?: Language): Promise<Beginning> {
  mechanism.attach?.(desk);
  const beginning = mechanism.begin(request(language));
  desk.answer = beginning.answer ?? '';
  beginning.begun?.();
  await world.settle();
  return beginning;
}

const files = (source: PlaySource | undefined): string[] =>
  source !== undefined && 'parts' in source
    ? source.parts.flatMap((part) => ('file' in part ? [part.file] : []))
    : [];
const words = (source: PlaySource | undefined): string[] =>
  files(source).map((file) => /\/(?:digits|phrases)\/(.*)\.wav$/.exec(file)?.[1] ?? file);
const played = () => world.media.legs.at(-1)?.played ?? [];

describe('spoken-code (R-VAL-OBD)', () => {
  const create = () => new SpokenCode({ calls: world.calls, log: world.log, digits: 6 });

  it('is there where the carrier has a trunk for calls of ours', () => {
    expect(create().available(voiceCarrier)).toBe(true);
    expect(create().available(mutedCarrier)).toBe(false);
  });

  it('calls the number only when the proof was stored, and reads the code out twice, over and over', async () => {
    const mechanism = create();
    mechanism.attach(desk);
    const beginning = mechanism.begin(request());
    await world.settle(1_000);
    expect(world.invites).toEqual([]);
    expect(beginning).toMatchObject({
      challenge: { kind: 'enter-code', digits: 6, by: 'call' },
      detail: 'calling',
      answer: expect.stringMatching(/^\d{6}$/),
    });
    beginning.begun?.();
    await world.settle();
    expect(world.invite.request.uri).toContain(number);
    world.invite.progress(180);
    await world.settle();
    await world.answer();
    const digits = [...(beginning.answer ?? '')];
    const round = ['code', ...digits, 'again', ...digits, 'nobody'];
    expect(words(played()[0])).toEqual(round);
    const [source] = played();
    expect(source && 'parts' in source && source.parts[0]).toEqual({ silenceMs: expect.any(Number) });
    // FakeMedia plays each file for five seconds; a machine that answers late hears a later round.
    await world.settle(89_000);
    expect(played().length).toBeGreaterThan(1);
    expect(words(played()[1])).toEqual(round);
    await world.settle(2_000);
    expect(world.goodbyes).toHaveLength(1);
    expect(desk.said).toEqual(['ringing', 'answered']);
  });

  it.each(languages)('has every word in %s', async (language) => {
    await begin(create(), language);
    await world.answer();
    const spoken = files(played()[0]);
    expect(spoken.every((file) => file.includes(`/${language}/`) && existsSync(file))).toBe(true);
    for (let digit = 0; digit < 10; digit += 1) {
      const file = (spoken[1] ?? '').replace(/\d\.wav$/, `${digit}.wav`);
      expect(existsSync(file), file).toBe(true);
    }
  });

  it.each([
    [486, undefined, 'failed: rejected'],
    [603, undefined, 'failed: rejected'],
    [480, undefined, 'failed: no-answer'],
    [480, 'Q.850;cause=21', 'failed: rejected'],
    [403, 'Q.850;cause=20', 'failed: no-answer'],
    [503, undefined, 'failed: no-answer'],
  ])('refused with %s %s comes to nothing', async (status, reason, said) => {
    await begin(create());
    world.invite.reject(status, reason === undefined ? {} : { headers: [['Reason', reason]] });
    await world.settle();
    expect(desk.said).toEqual([said]);
  });

  it('comes to nothing when nobody answers in time', async () => {
    await begin(create());
    world.invite.progress(180);
    await world.settle(46_000);
    expect(desk.said).toEqual(['ringing', 'failed: no-answer']);
  });

  it('is hung up when the code was typed in, or the person gave up', async () => {
    const mechanism = create();
    await begin(mechanism);
    await world.answer();
    mechanism.over(validationId);
    mechanism.over(validationId);
    mechanism.over('another one');
    await world.settle();
    expect(world.goodbyes).toHaveLength(1);
    expect(desk.said).toEqual(['answered']);
  });
});

describe('keys (R-VAL-IVR)', () => {
  const create = () => new Keys({ calls: world.calls, log: world.log, clock: world.clock, digits: 6 });
  const shown = ({ challenge }: Beginning) => (challenge.kind === 'press-keys' ? challenge.keys : '');
  /** Another last digit. */
  const wrong = (keys: string) => keys.slice(0, 5) + ((Number(keys[5]) + 1) % 10);

  it('asks for the keys that the client shows, and thanks for the right ones', async () => {
    const beginning = await begin(create());
    expect(shown(beginning)).toMatch(/^\d{6}$/);
    expect(beginning.answer).toBe(shown(beginning));
    await world.answer();
    expect(words(played()[0])).toEqual(['keys']);
    world.press(`${shown(beginning)}#`);
    await world.settle();
    expect(desk.said).toEqual(['answered', 'proved']);
    expect(words(played().at(-1))).toEqual(['right']);
    expect(world.goodbyes).toEqual([]);
    await world.settle(10_000);
    expect(world.goodbyes).toEqual(['BYE Q.850;cause=16;text="Normal call clearing"']);
    expect(desk.said).toEqual(['answered', 'proved']);
  });

  it('says that keys were wrong, and listens again; # in the middle is passed over, * begins anew', async () => {
    const beginning = await begin(create());
    const keys = shown(beginning);
    await world.answer();
    world.press(wrong(keys));
    await world.settle();
    expect(words(played().at(-1))).toEqual(['wrong']);
    world.press(`99*${keys.slice(0, 3)}#${keys.slice(3)}`);
    await world.settle();
    expect(desk.said).toEqual(['answered', 'wrong', 'proved']);
  });

  it('says goodbye after the last try', async () => {
    desk.attemptsLeft = 1;
    const beginning = await begin(create());
    await world.answer();
    world.press(wrong(shown(beginning)));
    await world.settle();
    expect(words(played().at(-1))).toEqual(['void']);
    await world.settle(10_000);
    expect(world.goodbyes).toHaveLength(1);
    expect(desk.said.slice(0, 2)).toEqual(['answered', 'void']);
  });

  it('asks three times, and begins anew when somebody stops in the middle', async () => {
    const beginning = await begin(create());
    const keys = shown(beginning);
    await world.answer();
    world.press(keys.slice(0, 4));
    await world.settle(8_100);
    expect(played()).toHaveLength(2);
    // The four of before are forgotten.
    world.press(keys.slice(4));
    await world.settle();
    expect(desk.said).toEqual(['answered']);
    await world.settle(60_000);
    expect(words(played()[2])).toEqual(['keys']);
    expect(played()).toHaveLength(3);
    expect(desk.said).toEqual(['answered', 'failed: no-answer']);
    expect(world.goodbyes).toHaveLength(1);
  });

  it('comes to nothing when whoever answers hangs up, or declines', async () => {
    await begin(create());
    await world.answer();
    world.invite.bye();
    await world.settle();
    expect(desk.said).toEqual(['answered', 'failed: rejected']);
    await begin(create());
    world.invite.reject(603);
    await world.settle();
    expect(desk.said.at(-1)).toBe('failed: rejected');
  });

  it('takes the last keys of somebody who hangs up at once', async () => {
    const beginning = await begin(create());
    await world.answer();
    world.press(shown(beginning));
    world.invite.bye();
    await world.settle();
    expect(desk.said).toEqual(['answered', 'proved']);
  });
});
