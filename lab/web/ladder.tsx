import { useEffect, useRef, useState } from 'preact/hooks';
import type { LadderEntry, Participant } from '../src/ladder.ts';
import { offset } from './format.ts';
import { snapshot } from './store.ts';

interface Props {
  entries: readonly LadderEntry[];
  startedAt: number;
  /** Id of the entry that is kept open. */
  picked: number | undefined;
  onPick: (entry: LadderEntry) => void;
  onPoint: (entry: LadderEntry | undefined) => void;
}

const rowHeight = 34;
const headHeight = 56;
const timeWidth = 48;
/** Columns share what room there is, within these limits; less scrolls. */
const columnLimits = { least: 88, most: 176 };
/** A column narrower than this gets smaller letters. */
const narrow = 130;

/** Columns from left to right, arrows from top to bottom in the order of time. */
export function Ladder({ entries, startedAt, picked, onPick, onPoint }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const columns = columnsOf(entries);
  const room = useWidth(scroller);
  const share = (room - timeWidth) / Math.max(1, columns.length);
  const columnWidth = Math.max(columnLimits.least, Math.min(columnLimits.most, share));
  const width = timeWidth + columns.length * columnWidth;
  const height = headHeight + entries.length * rowHeight + 16;
  // New messages come at the bottom; follow them unless the person reads further up.
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const distance = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (distance < 4 * rowHeight) element.scrollTop = element.scrollHeight;
  }, [entries.length]);
  const x = (who: Participant) => timeWidth + (columns.indexOf(who) + 0.5) * columnWidth;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
    <section class="ladder" ref={scroller} tabIndex={0} aria-label="Ladder">
      <svg
        width={width}
        height={height}
        class={columnWidth < narrow ? 'narrow' : ''}
        aria-label="Ladder of messages"
      >
        {columns.map((column) => (
          <g key={column}>
            <line
              class={`life ${kindOf(column)}`}
              x1={x(column)}
              x2={x(column)}
              y1={headHeight - 12}
              y2={height}
            />
            <ColumnHead column={column} x={x(column)} width={columnWidth} />
          </g>
        ))}
        {entries.map((entry, index) => (
          <Row
            key={entry.id}
            entry={entry}
            y={headHeight + index * rowHeight + rowHeight / 2}
            from={x(entry.from)}
            to={x(entry.to)}
            columnWidth={columnWidth}
            time={offset(entry.at - startedAt)}
            picked={entry.id === picked}
            onPick={() => onPick(entry)}
            onPoint={(on) => onPoint(on ? entry : undefined)}
          />
        ))}
      </svg>
    </section>
  );
}

function ColumnHead({ column, x, width }: { column: Participant; x: number; width: number }) {
  const [title = '', note] = headOf(column);
  const lines = note === undefined ? inTwoLines(title, width) : [title];
  return (
    <g>
      <rect
        class={`head ${kindOf(column)}`}
        x={x - width / 2 + 4}
        y="2"
        width={width - 8}
        height="42"
        rx="10"
      />
      {lines.map((line, index) => (
        <text
          class="head-title"
          key={line}
          x={x}
          y={lines.length === 1 && note === undefined ? 28 : 20 + index * 15}
        >
          {line}
        </text>
      ))}
      {note !== undefined && (
        <text class="head-note" x={x} y="36">
          {note}
        </text>
      )}
    </g>
  );
}

/** Breaks a title at its last space when it is too long for one line. */
function inTwoLines(title: string, width: number): string[] {
  const letterWidth = width < narrow ? 7 : 9;
  const middle = title.indexOf(' ', Math.floor(title.length / 3));
  if (title.length * letterWidth < width - 12 || middle < 0) return [title];
  return [title.slice(0, middle), title.slice(middle + 1)];
}

function useWidth(of: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(520);
  useEffect(() => {
    const element = of.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [of]);
  return width;
}

interface RowProps {
  entry: LadderEntry;
  y: number;
  from: number;
  to: number;
  columnWidth: number;
  time: string;
  picked: boolean;
  onPick: () => void;
  onPoint: (on: boolean) => void;
}

function Row({ entry, y, from, to, columnWidth, time, picked, onPick, onPoint }: RowProps) {
  const isNote = entry.from === entry.to;
  const middle = (from + to) / 2;
  const letterWidth = columnWidth < narrow ? 6.2 : 7;
  const noteWidth = Math.max(columnWidth - 8, entry.label.length * letterWidth + 16);
  const pick = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onPick();
  };
  const direction = Math.sign(to - from);
  const tip = to - direction * 3;
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button
    <g
      class={`row ${entry.kind} ${picked ? 'picked' : ''}`}
      role="button"
      tabIndex={0}
      aria-pressed={picked}
      aria-label={`${time} ${entry.label}, ${nameOf(entry.from)}${isNote ? '' : ` to ${nameOf(entry.to)}`}`}
      onClick={onPick}
      onKeyDown={pick}
      onMouseEnter={() => onPoint(true)}
      onMouseLeave={() => onPoint(false)}
      onFocus={() => onPoint(true)}
      onBlur={() => onPoint(false)}
    >
      <rect class="row-back" x="0" y={y - rowHeight / 2} width="100%" height={rowHeight} rx="8" />
      <text class="time" x={timeWidth - 6} y={y + 6}>
        {time}
      </text>{' '}
      {isNote ? (
        <>
          <rect class="note" x={from - noteWidth / 2} y={y - 11} width={noteWidth} height="23" rx="7" />
          <text class="label" x={from} y={y + 4.5}>
            {entry.label}
          </text>
        </>
      ) : (
        <>
          <line class="arrow" x1={from} x2={tip} y1={y + 7} y2={y + 7} />
          <path class="tip" d={`M${tip} ${y + 7} l${-7 * direction} -4.5 v9 z`} />
          <text class="label" x={middle} y={y + 1}>
            {entry.label}
          </text>
        </>
      )}
    </g>
  );
}

/** Caller, its switch, the next switch, the called handset, and Ringthrough at the far side. */
function columnsOf(entries: readonly LadderEntry[]): Participant[] {
  const seen: Participant[] = [];
  for (const { from, to } of entries) {
    for (const one of [from, to]) if (!seen.includes(one)) seen.push(one);
  }
  const last = seen.filter((one) => one === 'ringthrough');
  const [caller, ...others] = seen.filter((one) => one !== 'ringthrough');
  const switches = others.filter((one) => kindOf(one) === 'switch');
  const called = others.filter((one) => kindOf(one) === 'handset');
  return [...(caller === undefined ? [] : [caller]), ...switches, ...called, ...last];
}

function kindOf(who: Participant): 'handset' | 'switch' | 'ringthrough' {
  if (who === 'ringthrough') return who;
  return who.startsWith('handset:') ? 'handset' : 'switch';
}

function headOf(who: Participant): string[] {
  const id = who.slice(who.indexOf(':') + 1);
  switch (kindOf(who)) {
    case 'ringthrough':
      return ['Ringthrough'];
    case 'switch':
      return [snapshot.value?.carriers.find((one) => one.id === id)?.name ?? id, 'switch'];
    case 'handset':
      return [snapshot.value?.handsets.find((one) => one.number === id)?.owner ?? id];
  }
}

export const nameOf = (who: Participant): string => headOf(who).join(' ');
