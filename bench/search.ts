/**
 * The highest load that is carried: steps of 1.5 until one fails, then three times into the middle. A step has failed when
 * it fails twice, because other programs on the machine make noise.
 */
export async function searchHighest(
  first: number,
  options: { grain: number; limit?: number; carries: (load: number) => Promise<boolean> },
): Promise<number> {
  const { grain, limit = Number.POSITIVE_INFINITY } = options;
  const carries = async (load: number) => (await options.carries(load)) || (await options.carries(load));
  let good = 0;
  let bad = first;
  for (; await carries(bad); bad = Math.min(limit, Math.ceil((bad * 1.5) / grain) * grain)) {
    good = bad;
    if (good === limit) return good;
  }
  for (let i = 0; i < 3 && bad - good > grain; i++) {
    const middle = Math.round((good + bad) / (2 * grain)) * grain;
    if (await carries(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
