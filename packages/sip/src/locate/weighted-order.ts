/** Something with the two numbers of RFC 2782. */
export interface Weighted {
  /** The lowest goes first. */
  priority: number;
  /** Of those with equal priority: its share of being the first; 0 is hardly ever chosen. */
  weight: number;
}

/**
 * The order in which to try servers, RFC 2782 page 3: by priority, and among equals at random by weight.
 * @param random 0 to below 1
 */
export function weightedOrder<T extends Weighted>(items: readonly T[], random: () => number): T[] {
  const priorities = [...new Set(items.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) =>
    drawn(
      items.filter((item) => item.priority === priority),
      random,
    ),
  );
}

function drawn<T extends Weighted>(equals: readonly T[], random: () => number): T[] {
  // Those of weight 0 first: then they are chosen exactly when the number drawn is 0.
  const left = [...equals].sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const order: T[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const drawnNumber = Math.floor(random() * (total + 1));
    let running = 0;
    const at = left.findIndex(({ weight }) => {
      running += weight;
      return running >= drawnNumber;
    });
    order.push(...left.splice(Math.max(0, at), 1));
  }
  return order;
}
