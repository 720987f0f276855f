import type { BindingChanges } from './binding-store.ts';
import { isSameBinding, type WantedBinding } from './binding-table.ts';

/** When a device was seen is written so often while it is registered; each refresh would write twice otherwise. */
const seenEveryMs = 600_000;

/** What has to be written when a device has registered, or has bound no more than this. */
export function bindingChanges(
  before: readonly WantedBinding[],
  wanted: readonly WantedBinding[],
  { registers, now }: { registers: boolean; now: number },
): BindingChanges {
  const bound = wanted.filter((one) => !before.includes(one));
  const gone = before.filter((old) => !wanted.some((one) => isSameBinding(one, old)));
  const latest = before.reduce((time, { registeredAt }) => Math.max(time, registeredAt), 0);
  // Whoever is lost was seen when it registered last; what was written then may be older.
  if (!registers) return { bound, gone, seenAt: wanted.length === 0 ? latest : undefined };
  const period = (time: number) => Math.floor(time / seenEveryMs);
  return { bound, gone, seenAt: bound.length === 0 || period(latest) !== period(now) ? now : undefined };
}

/** Whether something is bound that could be reached and now cannot, and the other way round. */
export function reachabilityNews(
  before: readonly WantedBinding[],
  after: readonly WantedBinding[],
): { lost: boolean; found: boolean } {
  return {
    lost: before.some((old) => !old.silent && !isReachable(after, old)),
    found: after.some((binding) => !binding.silent && !isReachable(before, binding)),
  };
}

/** Whether one of them is the same contact over the same connection, and answers. */
function isReachable(among: readonly WantedBinding[], wanted: WantedBinding): boolean {
  return among.some(
    (other) =>
      !other.silent &&
      isSameBinding(other, wanted) &&
      other.flow?.id === wanted.flow?.id &&
      other.path === wanted.path,
  );
}
