import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import type { VoiceCall } from './index.ts';
import { VoiceWorld } from './testing/index.ts';

const steps = [
  'ring',
  'early media',
  'answer',
  'answer without audio',
  'refuse',
  'busy trunk',
  'callee hangs up',
  'we hang up',
  'play',
  'key',
  'silence',
  'no port',
  'a moment',
  'a minute',
  'stop',
] as const;
type Step = (typeof steps)[number];

async function take(step: Step, world: VoiceWorld, call: VoiceCall): Promise<void> {
  const session = world.invites.at(-1);
  switch (step) {
    case 'ring':
      return session?.progress(180);
    case 'early media':
      return session?.progress(183, { body: fakeSdp('early') });
    case 'answer':
      return session?.accept({ sdp: fakeSdp('phone') });
    case 'answer without audio':
      return session?.accept({ sdp: fakeSdp('phone', '18') });
    case 'refuse':
      return session?.reject(486);
    case 'busy trunk':
      return session?.reject(503);
    case 'callee hangs up':
      if (session?.state === 'accepted' || session?.state === 'confirmed') session.bye();
      return;
    case 'we hang up':
      return call.hangUp();
    case 'play':
      void call.play({ toneHz: 440, durationMs: 500 });
      return;
    case 'key':
      return world.press('5');
    case 'silence':
      return world.media.open.at(-1)?.emit('silent');
    case 'no port':
      world.media.portsFree = 0;
      return;
    case 'a moment':
      return world.settle(20);
    case 'a minute':
      return world.settle(60_000);
    case 'stop':
      return world.calls.close();
  }
}

it('ends once and leaves nothing behind, whatever happens in whatever order', async () => {
  const orders = fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(orders, fc.boolean(), async (order, settled) => {
      const world = await VoiceWorld.create();
      const told: string[] = [];
      const call = world.calls.call(
        { carrierId: 'c', to: '+14155550101' },
        {
          ringing: () => told.push('ringing'),
          earlyMedia: () => told.push('early media'),
          answered: () => told.push('answered'),
          key: () => told.push('key'),
          ended: () => told.push('ended'),
        },
      );
      if (settled) await world.settle();
      for (const step of order) await take(step, world, call);
      // The longest ring, and the longest call.
      await world.settle(180_000);
      expect(told.filter((word) => word === 'ended')).toHaveLength(1);
      expect(told.at(-1)).toBe('ended');
      for (const once of ['ringing', 'early media', 'answered']) {
        expect(told.filter((word) => word === once).length).toBeLessThan(2);
      }
      expect(call.state).toBe('ended');
      expect(await call.play({ silenceMs: 20 })).toBe('stopped');
      await world.close();
    }),
    { numRuns: 200 },
  );
}, 60_000);
