import { afterEach, describe, expect, test } from 'vitest';
import { closeWorld, createWorld, onlyRow, world } from './testing/scenes.ts';
import { numbers } from './testing/world.ts';

afterEach(closeWorld);

const diverted = (...by: string[]): Array<[string, string]> =>
  by.map((number) => ['Diversion', `<sip:${number}@c>;reason=unconditional`]);

describe('R-UNKNOWN, R-IN: a call that goes in circles neither rings nor is answered', () => {
  test.each<[string, number, string, Array<[string, string]>]>([
    ['the C number was forwarded to a number of ours', 482, 'loop', diverted(numbers.person, numbers.c)],
    [
      'the C number is called, with ourselves in History-Info',
      482,
      'loop',
      [
        ['History-Info', `<sip:${numbers.c}@c>;index=1`],
        ['History-Info', `<sip:${numbers.person}@c>;index=1.1;mp=1`],
        ['History-Info', `<sip:${numbers.c}@c;cause=302>;index=1.1.1;mp=1.1`],
      ],
    ],
    [
      'the caller is our own C number: a forwarding check that came back',
      482,
      'loop',
      [...diverted(numbers.person), ['From', `<sip:${numbers.c}@c>`]],
    ],
    [
      'the caller is our own C number, as the carrier asserts it',
      482,
      'loop',
      [...diverted(numbers.person), ['P-Asserted-Identity', `<tel:${numbers.c}>`]],
    ],
    [
      'the same number has diverted it twice',
      482,
      'loop',
      diverted(numbers.person, numbers.nobody, numbers.person),
    ],
    [
      'it was diverted too often',
      483,
      'too-many-diversions',
      [['Diversion', `<sip:${numbers.person}@c>;reason=user-busy;counter=6`]],
    ],
  ])('%s: %i', async (_title, status, cause, headers) => {
    await createWorld();
    const device = await world.device();
    const caller = await world.dialAndFail({ headers });
    expect(caller.statuses).toEqual([status]);
    expect(caller.final?.headers.get('Reason')).toBe('Q.850;cause=25;text="Exchange routing error"');
    await world.settled();
    expect(device.calls).toEqual([]);
    expect(world.media.legs).toEqual([]);
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause, account_id: 'ann' });
  });

  test('Max-Forwards is used up: 483, as the C number or not', async () => {
    await createWorld();
    const device = await world.device();
    for (const headers of [[], diverted(numbers.person)]) {
      const caller = await world.dialAndFail({ headers: [['Max-Forwards', '0'], ...headers] });
      expect(caller.statuses).toEqual([483]);
      expect(caller.final?.headers.get('Reason')).toContain('Q.850;cause=25');
    }
    expect(device.calls).toEqual([]);
    await world.settled();
  });

  test('one number forwards to another of the same person: an ordinary call', async () => {
    await createWorld();
    const device = await world.device();
    const caller = world.dial({ headers: diverted(numbers.person, numbers.nobody) });
    await world.until('it rings', () => device.calls.length === 1);
    caller.session.cancel();
    await world.settled();
  });
});
