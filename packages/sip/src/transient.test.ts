import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransientMap, TransientSet } from './transient.ts';

const key = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'z9hG4bK1 INVITE', 'x\ny');

describe('TransientMap', () => {
  it('does what a Map does, whatever the keys are called', () => {
    const step = fc.oneof(
      fc.record({ set: key, value: fc.nat() }),
      fc.record({ remove: key }),
      fc.constant({ clear: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const map = new TransientMap<number>();
        const model = new Map<string, number>();
        for (const one of steps) {
          if ('set' in one) {
            map.set(one.set, one.value);
            model.set(one.set, one.value);
          } else if ('remove' in one) {
            expect(map.delete(one.remove)).toBe(model.delete(one.remove));
          } else {
            map.clear();
            model.clear();
          }
          expect(map.size).toBe(model.size);
          expect(map.values().sort()).toEqual([...model.values()].sort());
          for (const known of ['a', 'b', '__proto__', 'constructor', 'toString']) {
            expect([map.has(known), map.get(known)]).toEqual([model.has(known), model.get(known)]);
          }
        }
      }),
    );
  });
});

describe('TransientSet', () => {
  it('holds an item as often as it was added, each until its ticket is given back', () => {
    const set = new TransientSet<string>();
    const [first, second] = [set.add('a'), set.add('a')];
    expect([set.size, set.values()]).toEqual([2, ['a', 'a']]);
    expect([set.delete(first), set.delete(first), set.size]).toEqual([true, false, 1]);
    expect(set.delete(second)).toBe(true);
    expect(set.values()).toEqual([]);
  });
});
