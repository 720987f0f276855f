import type { ComponentChildren } from 'preact';

export interface Tab<Id extends string> {
  id: Id;
  label: ComponentChildren;
}

interface Props<Id extends string> {
  /** Of the whole list, for those who hear it. */
  label: string;
  /** Panels have the ids `<name>-panel`, tabs `<name>-tab-<id>`. */
  name: string;
  tabs: ReadonlyArray<Tab<Id>>;
  selected: Id | undefined;
  onSelect: (id: Id) => void;
}

/** Tabs as the ARIA Authoring Practices have them: one stop for Tab, arrows move and choose. */
export function Tabs<Id extends string>({ label, name, tabs, selected, onSelect }: Props<Id>) {
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ id }) => id === selected);
    const next = targetOf(event.key, at, tabs.length);
    const tab = next === undefined ? undefined : tabs[next];
    if (tab === undefined) return;
    event.preventDefault();
    onSelect(tab.id);
    document.getElementById(`${name}-tab-${tab.id}`)?.focus();
  };
  return (
    <div class={`tabs ${name}`} role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map((tab) => (
        <button
          type="button"
          key={tab.id}
          role="tab"
          id={`${name}-tab-${tab.id}`}
          aria-selected={tab.id === selected}
          aria-controls={`${name}-panel`}
          tabIndex={tab.id === selected ? 0 : -1}
          onClick={() => onSelect(tab.id)}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}

function targetOf(key: string, at: number, count: number): number | undefined {
  if (key === 'ArrowRight') return (at + 1) % count;
  if (key === 'ArrowLeft') return (at + count - 1) % count;
  if (key === 'Home') return 0;
  return key === 'End' ? count - 1 : undefined;
}
