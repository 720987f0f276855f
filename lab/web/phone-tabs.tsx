import type { HandsetView } from '../src/views.ts';

interface Props {
  handsets: readonly HandsetView[];
  selected: HandsetView | undefined;
  onSelect: (number: string) => void;
}

/** Which phone is shown where there is room for one only. */
export function PhoneTabs({ handsets, selected, onSelect }: Props) {
  return (
    <fieldset class="phone-tabs" aria-label="Shown handset">
      {handsets.map((handset) => (
        <button
          type="button"
          key={handset.number}
          aria-pressed={handset === selected}
          onClick={() => onSelect(handset.number)}
        >
          <span class={`dot ${handset.state}`} />
          {handset.owner}
        </button>
      ))}
    </fieldset>
  );
}
